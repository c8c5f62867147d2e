"""Old names: forwarded with a warning, or refused with the new name."""

import inspect
import warnings

import pytest

import graphkit.tasks
from graphkit import registry, renamed
from graphkit.errors import GraphError
from graphkit.renamed import Renamed


@pytest.fixture
def table(monkeypatch):
    """Replaces the table for a test."""
    return lambda *entries: monkeypatch.setattr(renamed, "TABLE", entries)


def test_whole_recordings_have_a_new_name():
    with pytest.warns(DeprecationWarning, match="PartClassification.*RecordingClassification now"):
        found = graphkit.tasks.PartClassification
    assert found is graphkit.tasks.RecordingClassification
    with pytest.warns(DeprecationWarning, match="recording_classification now") as warned:
        assert registry.get("task", "part_classification") is found
    assert warned[0].filename == __file__


def test_graph_classification_is_kept_free():
    with pytest.raises(GraphError, match="Use WindowClassification"):
        from graphkit.tasks import GraphClassification  # noqa: F401
    with pytest.raises(GraphError, match="Use window_classification"):
        registry.get("task", "graph_classification")
    with pytest.raises(AttributeError, match="no attribute 'GrafClassification'"):
        _ = graphkit.tasks.GrafClassification


def test_every_entry_leads_somewhere():
    """New names exist, old ones do not, and no old name leads to an old one."""
    for entry in renamed.TABLE:
        assert entry.kind in ("attribute", "registry", "argument", "setting", "method")
        olds = {e.old for e in renamed.TABLE if (e.kind, e.place) == (entry.kind, entry.place)}
        assert entry.new not in olds
        if entry.kind == "attribute":
            module = __import__(entry.place, fromlist=["x"])
            assert hasattr(module, entry.new)
            assert entry.old not in vars(module)
        if entry.kind == "registry":
            names = registry.names(entry.place)
            assert entry.new in names
            assert entry.old not in names


def silently(function, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(**arguments)


def test_arguments(table):
    table(
        Renamed("argument", "wide", "breadth", "width"),
        Renamed("argument", "wide", "height", "depth", "it is measured downwards"),
    )

    @renamed.old_arguments("wide")
    def wide(width: int = 1, *, depth: int = 2) -> tuple[int, int]:
        return width, depth

    assert list(inspect.signature(wide).parameters) == ["width", "depth"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wide(3, depth=4) == (3, 4)
    with pytest.warns(DeprecationWarning, match="breadth.*width now") as warned:
        assert wide(breadth=5) == (5, 2)
    assert warned[0].filename == __file__
    with pytest.raises(GraphError, match=r"measured downwards\. Use depth"):
        wide(height=1)
    for twice in ({"breadth": 1, "width": 2}, {"width": 2, "breadth": 1}):
        with pytest.raises(GraphError, match="'width': it is given twice"):
            silently(wide, **twice)
    with pytest.raises(TypeError, match="wdth"):
        wide(wdth=1)


def test_settings_stand_in_scopes(table):
    table(Renamed("setting", "task", "a", "b"), Renamed("setting", "nat", "a", "c"))
    with pytest.warns(DeprecationWarning, match="setting of task"):
        assert renamed.setting(("fit", "task"), "a") == "b"
    with pytest.warns(DeprecationWarning, match="setting of nat"):
        assert renamed.setting(("model", "nat"), "a") == "c"
    assert renamed.setting(("fit",), "a") == "a"


def test_methods_of_what_users_write(table):
    table(Renamed("method", "task", "history", "past"))

    class Old:
        def history(self): ...

    class Both(Old):
        def past(self): ...

    assert renamed.method("task", Old()).new == "past"
    assert renamed.method("task", Both()) is None
    assert renamed.method("model", Old()) is None
