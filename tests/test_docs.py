"""Facts of the pages that need no build: sections of docstrings, figures, the check of pages."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

import graphkit
from graphkit import registry

DOCS = Path(graphkit.__file__).parents[1] / "docs"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_model_says_when_to_use_it() -> None:
    """The page of models is made of these sections."""
    for entry in registry.entries("model"):
        found = re.search(r"^When to use:\n    \S", inspect.getdoc(entry.make), re.MULTILINE)
        assert found, f"{entry.name}: the docstring has no section 'When to use'"


@pytest.mark.parametrize("script", ["overview", "benchmarks"])
def test_figures_are_up_to_date(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kept figure is what its script draws from the present records."""
    import matplotlib

    monkeypatch.syspath_prepend(DOCS / "figures")
    with matplotlib.rc_context():
        load(DOCS / "figures" / f"{script}.py").main(tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn
    for name in drawn:
        # Versions of matplotlib write different paths for the same text: compare the drawings' size
        # and the number of their parts.
        new, old = ((folder / name).read_text() for folder in (tmp_path, DOCS / "figures"))
        assert re.findall(r"viewBox=\"[^\"]*\"", new) == re.findall(r"viewBox=\"[^\"]*\"", old)
        assert new.count("<use") == old.count("<use"), name


def test_the_check_of_pages_finds_errors() -> None:
    problems = load(DOCS / "check_pages.py").problems
    event = {
        "script": {
            "method": "Runtime.exceptionThrown",
            "params": {"exceptionDetails": {"text": "Uncaught", "exception": {"description": "x"}}},
        },
        "log": {
            "method": "Log.entryAdded",
            "params": {"entry": {"level": "error", "text": "no file", "url": "file:///a"}},
        },
        "away": {
            "method": "Network.requestWillBeSent",
            "params": {"request": {"url": "https://example.org/a.js"}},
        },
        "file": {
            "method": "Network.requestWillBeSent",
            "params": {"request": {"url": "file:///a.js"}},
        },
        "warning": {"method": "Log.entryAdded", "params": {"entry": {"level": "warning"}}},
        "load": {"method": "Page.loadEventFired", "params": {"timestamp": 1.0}},
    }
    assert problems([event["script"]]) == ["script error: x"]
    assert problems([event["log"]]) == ["error: no file file:///a"]
    assert problems([event["away"]]) == ["not a local file: https://example.org/a.js"]
    assert problems([event[name] for name in ("file", "warning", "load")]) == []


def test_without_a_browser_the_check_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load(DOCS / "check_pages.py").main([str(tmp_path)]) == 0
    assert "skipped: the pages were not opened" in capsys.readouterr().out


PAGE = """<!doctype html><meta charset="utf-8"><style>
main {{ width: 90%; }} .box {{ overflow-x: auto; }} td {{ white-space: nowrap; }}
</style><main><article>{}</article></main>{}"""


def table(words: int) -> str:
    return f"<table><tr><td>{'wide ' * words}</td></tr></table>"


@pytest.mark.parametrize(
    ("body", "script", "fails"),
    [
        (table(5), "", []),
        # Wider than 1280 pixels: a box that scrolls helps on the narrow screen only.
        (f"<div class=box>{table(90)}</div>", "", [1280]),
        (table(90), "", [1280, 390]),
        (f"<details><div class=box>{table(90)}</div></details>", "", [1280]),
        ("<p>text</p>", "<script>nothing.there</script>", [1280, 390]),
        ("<p>text</p>", "<img src='missing.png'>", [1280, 390]),
    ],
    ids=["fits", "scrolls", "overflows", "folded", "error", "missing"],
)
def test_pages_that_fail(
    body: str, script: str, fails: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = load(DOCS / "check_pages.py")
    if not any(map(shutil.which, check.NAMES)):
        pytest.skip("no Chromium is on PATH")
    (tmp_path / "page.html").write_text(PAGE.format(body, script), encoding="utf-8")
    assert check.main([str(tmp_path), "page.html"]) == bool(fails)
    lines = capsys.readouterr().out.splitlines()
    failed = [line for line in lines if line.startswith("FAILED")]
    assert failed == [f"FAILED page.html at {width} px" for width in fails]
