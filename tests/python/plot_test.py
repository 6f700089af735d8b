"""Pictures: what is drawn is what was recorded, with its unit, at its civil time."""
import importlib.util
import json
import os
import pathlib
import tempfile
import unittest

import looptwin
import numpy as np
from common import InFolder, TANKS

if importlib.util.find_spec("matplotlib"):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.dates import num2date


def hours(x):
    """Of the civil day in Berlin."""
    import zoneinfo

    at = num2date(x, tz=zoneinfo.ZoneInfo("Europe/Berlin"))
    return at.hour + at.minute / 60 + at.second / 3600


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "python3-matplotlib is not installed")
class Drawing(InFolder):
    def setUp(self):
        super().setUp()
        text = TANKS.replace("duration: 2 h", "duration: 2 h\ntimezone: Europe/Berlin")
        text = text.replace("truth(level) < 3 m}", "truth(level) < 3 m}\n"
                            "  - {name: no tank is deep, each: tank, always: truth(level) < 1.6 m}\n"
                            "  - {name: nothing to say, each: tank, always: \"implies(truth(level) > 9 m, raised(low_level))\"}")
        text += ("script:\n"
                 "  - {after: 20 min, by: kim, set: {lowest: 2.5 m}}\n"
                 "  - {after: 30 min, by: kim, acknowledge: low_level, device: main/tank-3}\n"
                 "  - {after: 60 min, by: kim, set: {lowest: 0 m}}\n")
        pathlib.Path("drawn.yaml").write_text(text, encoding="utf-8")
        self.run_ = looptwin.run("drawn.yaml", out="run")

    def tearDown(self):
        plt.close("all")
        super().tearDown()

    def test_a_line_is_a_device_s_values_at_their_civil_time_with_the_unit_on_the_axis(self):
        ax = self.run_.plot("main/tank-1*", "level_mean", every="1 min", start="30 min", end="1 h")
        told = self.run_.telemetry("main/tank-1*", "level_mean", every="1 min", start="30 min", end="1 h")
        self.assertEqual(ax.get_ylabel(), "level mean (m)")
        self.assertEqual(ax.get_xlabel(), "Europe/Berlin")
        self.assertEqual([line.get_label() for line in ax.lines], ["main/tank-1", "main/tank-10"])
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), told.values[1])
        self.assertAlmostEqual(hours(ax.lines[0].get_xdata()[0]), 6.5, places=3)  # it begins at 06:00, local
        self.assertAlmostEqual(hours(ax.get_xlim()[1]), 7.0, places=3)

    def test_a_field_of_which_only_rollups_are_there_is_drawn_by_its_means(self):
        ax = self.run_.plot("main/tank-1", "level", every="15 min")
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), self.run_.telemetry(
            "main/tank-1", "level_mean", every="15 min").values[0])
        with self.assertRaisesRegex(KeyError, "'levle'"):
            self.run_.plot("main/tank-1", "levle")

    def test_many_devices_are_drawn_by_what_most_of_them_lie_within(self):
        run = looptwin.run("drawn.yaml", out="many", set={"fleet.tank.count": 40}, duration="30 min")
        ax = run.plot("**", "level_mean", every="1 min", end="20 min")
        self.assertEqual([text.get_text() for text in ax.get_legend().get_texts()],
                         ["nine tenths", "half", "median of 40"])
        np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(
            run.telemetry("**", "level_mean", every="1 min", end="20 min").values, axis=0))
        self.assertEqual(len(run.plot("**", "level_mean", every="1 min", each=True).lines), 40)

    def test_limits_are_in_the_picture_and_what_lies_beyond_is_shaded(self):
        ax = self.run_.plot("main/tank-1", "level_mean", every="1 min", band=(0.5, 3.5))
        self.assertLess(ax.get_ylim()[0], 0.5)
        self.assertGreater(ax.get_ylim()[1], 3.5)
        spans = sorted(patch.get_extents().transformed(ax.transData.inverted()).intervaly.round(6).tolist()
                       for patch in ax.patches)
        self.assertEqual([spans[0][1], spans[1][0]], [0.5, 3.5])

    def test_a_requirement_is_shown_with_the_value_that_decided_it(self):
        ax = self.run_.plot("main/tank-3", "level_mean", every="1 min", requirement="no tank is deep")
        verdict = next(one for one in self.run_.requirements
                       if one.name == "no tank is deep" and one.device == "main/tank-3")
        dot = next(line for line in ax.lines if line.get_marker() == "o")
        self.assertAlmostEqual(dot.get_ydata()[()], 1.6 - verdict.robustness)
        self.assertAlmostEqual(hours(float(dot.get_xdata())), 6 + verdict.when / 3600, places=3)
        self.assertIn("violated: no tank is deep", [text.get_text() for text in ax.get_legend().get_texts()])
        with self.assertRaisesRegex(KeyError, "no tank overflows"):
            self.run_.plot("main/tank-3", "level_mean", requirement="no tank overflowed")

    def test_what_a_requirement_forbids_is_shaded_whichever_way_it_is_written(self):
        for formula, forbidden in (("truth(level) < 1.6 m", (1.6, None)), ("1.6 m > truth(level)", (1.6, None)),
                                   ("!(truth(level) > 1.6 m)", (1.6, None)), ("truth(level) > 0.4 m", (None, 0.4))):
            with self.subTest(formula), tempfile.TemporaryDirectory() as folder:
                run = looptwin.run("tanks.yaml", out=os.path.join(folder, "run"), duration="20 min",
                                   set={"requirements.0.always": json.dumps(formula)})
                ax = run.plot("main/tank-3", "level", requirement="no tank overflows")
                shaded = ax.patches[0].get_extents().transformed(ax.transData.inverted()).intervaly.round(6).tolist()
                self.assertEqual([one in shaded for one in forbidden if one is not None], [True])
                self.assertEqual(shaded[0] == forbidden[0], forbidden[1] is None)
                plt.close("all")

    def test_events_are_spans_from_raised_to_cleared(self):
        events = self.run_.events
        raised = events[(events.kind == "event_raised") & (events.subject == "overdraw")].at_s
        cleared = events[(events.kind == "event_cleared") & (events.subject == "overdraw")].at_s
        ax = self.run_.plot("main/tank-3", "level_mean", every="1 min", events="overdraw")
        begins = sorted(hours(patch.get_xy()[:, 0].min()) for patch in ax.patches)
        np.testing.assert_allclose(begins, 6 + raised / 3600, atol=1e-3)
        ends = sorted(hours(patch.get_xy()[:, 0].max()) for patch in ax.patches)
        np.testing.assert_allclose(ends[:len(cleared)], 6 + cleared / 3600, atol=1e-3)
        self.assertEqual(len(self.run_.plot("main/tank-3", "level_mean", every="1 min").patches), 0)

    def test_names_that_are_not_there_are_said_and_events_that_were_not_raised_draw_nothing(self):
        quiet = looptwin.run("tanks.yaml", out="calm", duration="25 s")
        self.assertEqual(len(quiet.plot("main/tank-3", "level", events=["overdraw", "low_level"]).patches), 0)
        for run in (quiet, self.run_):
            with self.assertRaisesRegex(ValueError, "no event 'overdrwa'; did you mean 'overdraw'"):
                run.plot("main/tank-3", "level_mean", events="overdrwa")
            with self.assertRaisesRegex(ValueError, "the lower limit first"):
                run.plot("main/tank-3", "level_mean", band=(3, 1))
            for devices in ("main/tnak-3", ["main/tank-3", "main/tnak-3"]):
                with self.assertRaisesRegex(KeyError, "did you mean 'main/tank-3'"):
                    run.plot_alarms(devices)

    def test_an_alarm_s_bar_is_pale_once_it_is_acknowledged_and_over_when_it_is(self):
        ax = self.run_.plot_alarms("main/tank-3")
        self.assertEqual([label.get_text() for label in ax.get_yticklabels()], ["low level  main/tank-3"])
        journal = self.run_.folder.log("alarm_journal")
        journal = journal[journal.device == "main/tank-3"]
        raised, answered, returned = (journal[journal.kind == kind].at_s.iloc[0]
                                      for kind in ("alarm_raised", "alarm_acknowledged", "alarm_returned"))
        bars = [(hours(box.x0), hours(box.x1), bar.get_alpha()) for bar in ax.collections
                for box in [bar.get_paths()[0].get_extents()]]
        expected = [(6 + raised / 3600, 6 + answered / 3600, None), (6 + answered / 3600, 6 + returned / 3600, 0.4)]
        for (begin, end, alpha), (told_begin, told_end, told_alpha) in zip(sorted(bars, key=lambda bar: bar[0]), expected):
            self.assertAlmostEqual(begin, told_begin, places=3)
            self.assertAlmostEqual(end, told_end, places=3)
            self.assertEqual(alpha, told_alpha)

    def test_no_alarm_is_said_too(self):
        ax = looptwin.run("tanks.yaml", out="quiet", duration="10 min").plot_alarms()
        self.assertEqual([text.get_text() for text in ax.texts], ["no alarm was raised"])

    def test_robustness_is_a_dot_a_device(self):
        panels = self.run_.plot_robustness()
        self.assertEqual(len(panels), 3)
        for panel, name in zip(panels, ("no tank overflows", "no tank is deep")):
            dots = sorted(panel.collections[0].get_offsets()[:, 0])
            told = sorted(one.robustness for one in self.run_.requirements if one.name == name)
            np.testing.assert_allclose(dots, told)
        self.assertEqual(panels[1].get_title(loc="left"), "no tank is deep  (10 violated)")
        self.assertIn("m", [text.get_text() for text in panels[1].texts])


if __name__ == "__main__":
    unittest.main()
