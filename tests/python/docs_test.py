"""docs/python.md: every snippet runs, and what follows an arrow is what its line gives."""
import contextlib
import io
import os
import re
import subprocess
import sys
import unittest

from common import InFolder, ROOT, blocks


def said_and_given(code, names):
    """(line, said, given) for each arrow, in order, with all between them run."""
    pending = ""
    for line in [*code.splitlines(), None]:
        code_of_line, _, said = (line or "").partition("# → ")
        goes_on = not pending or pending.rstrip().rpartition("\n")[2].startswith("@")
        inside = line is not None and (not line.strip() or goes_on and bool(pending)
                                       or line.startswith((" ", "except", "finally", "else")))
        if pending and (line is None or not inside) and pending.strip():
            exec(compile(pending, "python.md", "exec"), names)  # noqa: S102
            pending = ""
        if said and not inside:
            yield line, said.strip(), str(eval(code_of_line.strip(), names))  # noqa: S307
        elif line is not None and not said:
            pending += line + "\n"
        elif said:
            pending += f"{line[:len(line) - len(line.lstrip())]}_inside = ({code_of_line.strip()}, {said.strip()!r})\n"
    if "_inside" in names:
        given, said = names.pop("_inside")
        yield "in a block", said, str(given)


class Page(InFolder):
    def test_snippets_give_what_the_page_says(self):
        names, seen = {}, 0
        with contextlib.redirect_stderr(io.StringIO()):
            for block in blocks("python"):
                for line, said, given in said_and_given(block, names):
                    with self.subTest(line=line):
                        self.assertEqual(given, said)
                    seen += 1
        self.assertGreater(seen, 25)

    def test_the_script_of_the_readme_runs_as_it_stands(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        script = re.search(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL).group(1)
        os.symlink(ROOT / "scenarios", "scenarios")
        told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, r"^[0-9a-f]{32} \d+\n")
        self.assertTrue(os.path.exists("runs/from-python/manifest.json"))


if __name__ == "__main__":
    unittest.main()
