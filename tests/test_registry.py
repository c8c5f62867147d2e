"""Names lead to things; a wrong name leads to the closest right one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphkit import registry
from graphkit.errors import GraphError, UnknownNameError


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of its own behind the kind "encoder"."""
    folder = tmp_path / "some_room"
    folder.mkdir()
    (folder / "__init__.py").write_text("from some_room import plugin\n")
    (folder / "plugin.py").write_text(
        "from graphkit.registry import register\n"
        '@register("encoder", "gla")\n'
        "class Gla:\n"
        '    """Gated linear attention.\n\n    More."""\n'
        '@register("encoder", "gru")\n'
        "def gru(): return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._ROOMS, "encoder", "some_room")
    monkeypatch.setitem(registry._entries, "encoder", {})
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "some_room"]:
        del sys.modules[name]


def test_room_is_opened_when_asked(room: Path) -> None:
    assert "some_room" not in sys.modules
    assert registry.names("encoder") == ["gla", "gru"]
    assert registry.get("encoder", "gru")() == 3
    assert [(e.name, e.doc) for e in registry.entries("encoder")] == [
        ("gla", "Gated linear attention."),
        ("gru", ""),
    ]


def test_unknown_name_and_kind(room: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'gla'\? Known: gla, gru\."):
        registry.get("encoder", "glaa")
    with pytest.raises(UnknownNameError, match=r"no kind named 'modle'. Did you mean 'model'"):
        registry.names("modle")
    with pytest.raises(UnknownNameError, match="no kind named"):
        registry.register("modle", "x")


def test_taken_name_is_refused_and_reload_is_not(room: Path) -> None:
    make = registry.get("encoder", "gla")
    assert registry.register("encoder", "gla")(make) is make

    class Other:
        pass

    with pytest.raises(GraphError, match=r"'gla' is taken by some_room\.plugin\.Gla"):
        registry.register("encoder", "gla")(Other)
    assert registry.get("encoder", "gla") is make


def test_absent_room_is_empty_but_a_broken_one_speaks(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._ROOMS, "encoder", "no_such_room.inside")
    assert registry.names("encoder") == []
    (room / "__init__.py").write_text("import some\n")  # not installed; "some_room" starts so too
    monkeypatch.setitem(registry._ROOMS, "encoder", "some_room")
    with pytest.raises(ModuleNotFoundError, match="'some'"):
        registry.names("encoder")


def test_every_kind_opens() -> None:
    for kind in registry._ROOMS:
        for entry in registry.entries(kind):
            assert registry.get(kind, entry.name) is entry.make
            assert entry.doc, f"{kind} {entry.name} has no docstring"
