"""The README keeps its word: its code runs, its links lead somewhere, its commands are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import graphkit

ROOT = Path(graphkit.__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_code_runs(tmp_path: Path) -> None:
    assert len(PYTHON) == 1
    assert len([line for line in PYTHON[0].splitlines() if line.strip()]) <= 15
    done = subprocess.run(
        [sys.executable, "-c", PYTHON[0]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "TemporalGraph 'triadic' (300 nodes, 6,000 events" in done.stdout
    found = re.search(r"^ap +0\.\d{4} +(0\.\d{4})$", done.stdout, re.MULTILINE)
    assert float(found[1]) > 0.5
    # The last lines are predictions by name.
    *_, head, first, second, third = done.stdout.rstrip().splitlines()
    assert head.split() == ["src", "rank", "dst", "score", "probability"]
    assert all(re.match(r"\d +user7 +[123] +user\d+ ", row) for row in (first, second, third))


def test_short() -> None:
    assert len(README.split()) <= 600


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("**/*.md")),
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    text = re.sub(
        r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("name", ["main", "test", "extras", "docs"])
def test_every_command_stands_once(name: str) -> None:
    (command,) = re.findall(rf"<!-- ci:{name} -->\n```bash\n(.*?)\n```", README, re.DOTALL)
    assert "\n" not in command
    assert "-c constraints.txt" in command
    extras = set(re.findall(r"-e \"\.\[([\w,]+)\]\"", command)[0].split(","))
    stated = re.findall(r"^(\w+) =$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert extras <= set(stated)
