"""Why, why not, and what two runs differ by: the command line's answers, as text and as values."""
import json
import unittest

import looptwin
from common import InFolder, command_line


class Answering(InFolder):
    def setUp(self):
        super().setUp()
        self.run_ = looptwin.run("tanks.yaml", out="run", duration="20 min")
        self.raised = self.run_.events.iloc[0]

    def test_an_explanation_is_the_command_lines_text_and_a_tree_of_values(self):
        told = self.run_.explain(self.raised.id)
        digits = f"{self.raised.id:016x}"
        self.assertEqual(str(told) + "\n", command_line("explain", "run", digits).stdout)
        first = told.lines[0]
        self.assertEqual((first.is_, first["kind"], first["device"]), ("decision", "event_raised", "main"))
        self.assertEqual(first["id"], digits)
        self.assertEqual(first["at_s"], self.raised["at_s"])
        compared = next(line for line in told.of("condition") if "left" in line.facts)
        self.assertIs(compared["holds"], True)
        self.assertGreater(compared["left"], compared["right"])
        self.assertAlmostEqual(compared["left"] - compared["right"], compared["by"])
        self.assertEqual((compared["right"], compared["unit"]), (20, "L/s"))
        samples = told.of("sample")
        self.assertEqual(len(samples), 3)
        self.assertEqual({line["quality"] for line in samples}, {"good"})
        self.assertTrue(any(samples[0] in line.lines for line in told.of("set")))
        below = next(line for line in told.walk() if line.text == "what came of it:").lines
        self.assertEqual({line.is_ for line in below[:-1]}, {"decision"})
        # Those of this occurrence, and of no other.
        self.assertEqual({line["cause"] for line in below[:-1]}, {digits})
        self.assertEqual(str(self.run_.explain(digits[:9])), str(told))

    def test_without_an_id_events_and_alarms_are_listed(self):
        listed = self.run_.explain()
        self.assertEqual(str(listed) + "\n", command_line("explain", "run").stdout)
        self.assertEqual(listed.lines[0]["id"], f"{self.raised.id:016x}")

    def test_why_not_says_what_stood_in_the_way(self):
        told = self.run_.why_not("low_level", at="10 min", device="main/tank-3")
        shown = command_line("explain", "run", "--why-not", "low_level", "--at", "10 min", "--device", "main/tank-3")
        self.assertEqual(str(told) + "\n", shown.stdout)
        self.assertIs(told.lines[0]["stands"], False)
        self.assertIs(told.of("condition")[0]["holds"], False)
        changed = self.run_.why_not("overdraw", at="10 min").of("change")
        self.assertEqual([line["change_1"].split(":")[0] for line in changed],
                         ["models.main.parameters.limit.default"])
        as_json = command_line("explain", "run", "--why-not", "low_level", "--at", "10 min", "--device", "main/tank-3",
                               "--format", "json")
        self.assertEqual([one["text"] for one in json.loads(as_json.stdout)][1:],
                         [str(line) if line.is_ != "condition" else line.text for line in told.walk()][1:])

    def test_a_difference_is_the_command_lines_and_its_changes_are_a_table(self):
        other = looptwin.run("tanks.yaml", out="other", duration="20 min",
                             set={"rules.lower_targets.override.set.target": "default(target) - 0.4 m"})
        same = looptwin.run("tanks.yaml", out="same", duration="20 min")
        self.assertTrue(self.run_.diff(same).equal)
        self.assertFalse(self.run_.diff(same))
        found = self.run_.diff(other)
        self.assertTrue(found)
        self.assertEqual(str(found) + "\n", command_line("diff", "run", "other").stdout)
        self.assertEqual(found.report, json.loads(command_line("diff", "run", "other", "--format", "json").stdout))
        self.assertEqual(len(found.changes), sum(found.counts[name] for name in ("appeared", "vanished", "moved")))
        self.assertEqual(set(found.changes["is"]), {"moved", "appeared", "vanished"} & set(found.changes["is"]))
        self.assertEqual(found.first["a"]["subject"], "lower_targets")

    def test_notebooks_show_them_as_html_in_which_nothing_is_markup_by_accident(self):
        shown = self.run_.why_not("low_level", at="10 min", device="main/tank-3")._repr_html_()
        self.assertTrue(shown.startswith("<ul><li>"))
        self.assertIn("level &lt; lowest + care", shown)
        self.assertEqual(shown.count("<ul>"), shown.count("</ul>"))
        self.assertIn("<table>", self.run_.diff("run")._repr_html_())

    def test_what_is_not_there_is_said(self):
        for ask, said in ((lambda: self.run_.explain("zz"), "begins with 'zz'"),
                          (lambda: self.run_.why_not("low_levle", at="1 min"), "did you mean 'low_level'"),
                          (lambda: self.run_.why_not("low_level", at="1 min"), "is of each of 10 devices"),
                          (lambda: self.run_.why_not("overdraw", at="9 h"), "outside of the run"),
                          (lambda: self.run_.diff("nowhere"), "nowhere")):
            with self.subTest(said=said), self.assertRaises(looptwin.RunError) as caught:
                ask()
            self.assertIn(said, str(caught.exception))
        with self.assertRaisesRegex(RuntimeError, "out="):
            self.run_.diff(looptwin.run("tanks.yaml", duration="1 min"))


if __name__ == "__main__":
    unittest.main()
