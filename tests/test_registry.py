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
    """A package of its own behind the kind "sequence_encoder"."""
    folder = tmp_path / "some_room"
    folder.mkdir()
    (folder / "__init__.py").write_text("from some_room import plugin\n")
    (folder / "plugin.py").write_text(
        "from graphkit.registry import register\n"
        '@register("sequence_encoder", "gla")\n'
        "class Gla:\n"
        '    """Gated linear attention.\n\n    More."""\n'
        '@register("sequence_encoder", "gru")\n'
        "def gru(): return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._ROOMS, "sequence_encoder", "some_room")
    monkeypatch.setitem(registry._entries, "sequence_encoder", {})
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "some_room"]:
        del sys.modules[name]


def test_room_is_opened_when_asked(room: Path) -> None:
    assert "some_room" not in sys.modules
    assert registry.names("sequence_encoder") == ["gla", "gru"]
    assert registry.get("sequence_encoder", "gru")() == 3
    assert [(e.name, e.doc) for e in registry.entries("sequence_encoder")] == [
        ("gla", "Gated linear attention."),
        ("gru", ""),
    ]


def test_unknown_name_and_kind(room: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'gla'\? Known: gla, gru\."):
        registry.get("sequence_encoder", "glaa")
    with pytest.raises(UnknownNameError, match=r"no kind named 'modle'. Did you mean 'model'"):
        registry.names("modle")
    with pytest.raises(UnknownNameError, match="no kind named"):
        registry.register("modle", "x")


def test_taken_name_is_refused_and_reload_is_not(room: Path) -> None:
    make = registry.get("sequence_encoder", "gla")
    assert registry.register("sequence_encoder", "gla")(make) is make

    class Other:
        pass

    with pytest.raises(GraphError, match=r"'gla' is taken by some_room\.plugin\.Gla"):
        registry.register("sequence_encoder", "gla")(Other)
    assert registry.get("sequence_encoder", "gla") is make


def test_absent_room_is_empty_but_a_broken_one_speaks(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._ROOMS, "sequence_encoder", "no_such_room.inside")
    assert registry.names("sequence_encoder") == []
    (room / "__init__.py").write_text("import some\n")  # not installed; "some_room" starts so too
    monkeypatch.setitem(registry._ROOMS, "sequence_encoder", "some_room")
    with pytest.raises(ModuleNotFoundError, match="'some'"):
        registry.names("sequence_encoder")


def test_a_room_with_a_table_imports_one_module_per_name(room: Path) -> None:
    (room / "__init__.py").write_text(
        'REGISTERED = {"gla": "some_room.plugin", "gru": "some_room.plugin", "tcn": "some_room.x"}'
    )
    (room / "x.py").write_text(
        "from graphkit.registry import register\n"
        '@register("sequence_encoder", "tcn")\n'
        "def tcn(): return 5\n"
    )
    assert registry.names("sequence_encoder") == ["gla", "gru", "tcn"]
    assert "some_room.plugin" not in sys.modules
    assert registry.get("sequence_encoder", "tcn")() == 5
    with pytest.raises(UnknownNameError, match=r"Did you mean 'gla'\? Known: gla, gru, tcn\."):
        registry.get("sequence_encoder", "glaa")
    assert "some_room.plugin" not in sys.modules
    assert [entry.name for entry in registry.entries("sequence_encoder")] == ["gla", "gru", "tcn"]
    assert "some_room.plugin" in sys.modules


def test_a_name_of_the_table_cannot_be_taken(room: Path) -> None:
    (room / "__init__.py").write_text('REGISTERED = {"gla": "some_room.plugin"}')

    @registry.register("sequence_encoder", "gla")
    class Other: ...

    with pytest.raises(GraphError, match="'gla' is taken by"):
        registry.get("sequence_encoder", "gla")


def test_every_kind_opens() -> None:
    for kind in registry._ROOMS:
        for entry in registry.entries(kind):
            assert registry.get(kind, entry.name) is entry.make
            assert entry.doc, f"{kind} {entry.name} has no docstring"


def test_names_are_chosen_by_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.names("model", view="static") == ["appnp", "dagnn", "gcn", "mlp"]
    chosen = registry.entries("model", view="signal", tasks="recording_classification")
    assert [e.name for e in chosen] == ["sequence_classifier"]
    assert chosen[0].facts["tasks"] == ("window_classification", "recording_classification")
    for entry in registry.entries("model"):
        assert entry.facts["view"] in registry.VIEWS, entry.name
        for task in entry.facts["tasks"]:
            assert entry.has(tasks=task)
    with pytest.raises(UnknownNameError, match=r"no view named 'streams'\. Did you mean 'stream'"):
        registry.names("model", view="streams")
    with pytest.raises(UnknownNameError, match="no fact about a model named 'views'"):
        registry.names("model", views="stream")
    with pytest.raises(UnknownNameError, match="no fact about a dataset"):
        registry.register("dataset", "x", view="stream")


def test_find_imports_nothing(room: Path) -> None:
    assert registry.registered("sequence_encoder") == []
    make = registry.get("sequence_encoder", "gla")
    assert registry.find(make).name == "gla"
    assert registry.find(make, "model") is None
    assert registry.find(Path) is None
