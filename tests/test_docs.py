"""Facts of the pages that need no build: sections of docstrings, figures, the check of pages."""

from __future__ import annotations

import importlib.util
import inspect
import re
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
