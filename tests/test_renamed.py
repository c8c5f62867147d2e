"""Old names: forwarded with a warning, or refused with the new name."""

import importlib
import inspect
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
import torch

import graphkit.tasks
from graphkit import TemporalGraph, registry, renamed
from graphkit.data.recording_splits import RecordingSplit
from graphkit.data.scalers import MaxAbsScaler, make_scaler
from graphkit.data.whole_recordings import WholeRecordings
from graphkit.data.window_splits import BlockSplit, TimeSplit
from graphkit.data.windows import Windows
from graphkit.errors import GraphError
from graphkit.renamed import Renamed
from graphkit.tasks.window_stream import WindowQuery


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


CLASSES = {
    "RecordingClassification": graphkit.tasks.RecordingClassification,
    "TemporalGraph": TemporalGraph,
    "WholeRecordings": WholeRecordings,
    "WindowQuery": WindowQuery,
    "Windows": Windows,
}


def test_every_entry_leads_somewhere():
    """New names exist, old ones do not, and no old name leads to an old one."""
    for entry in renamed.TABLE:
        assert entry.kind in (
            "attribute", "module", "registry", "argument", "value", "identity", "setting", "method",
        )  # fmt: skip
        olds = {e.old for e in renamed.TABLE if (e.kind, e.place) == (entry.kind, entry.place)}
        assert entry.new not in olds
        if entry.kind == "attribute" and entry.place not in CLASSES:
            module = importlib.import_module(entry.place)
            home, _, last = entry.new.rpartition(".")
            assert hasattr(importlib.import_module(home or entry.place), last)
            assert entry.old not in vars(module)
        if entry.kind == "attribute" and entry.place in CLASSES:
            assert not hasattr(CLASSES[entry.place], entry.old)
        if entry.kind == "module":
            elsewhere = entry.new.startswith("graphkit.")
            importlib.import_module(entry.new if elsewhere else f"{entry.place}.{entry.new}")
            folder = Path(graphkit.__file__).parents[1] / entry.place.replace(".", "/")
            assert not (folder / f"{entry.old}.py").exists()
        if entry.kind == "registry":
            names = registry.names(entry.place)
            assert entry.new in names
            assert entry.old not in names


def build(**columns):
    """Three recordings of 8 rows."""
    given = {
        "signal": torch.arange(48.0).reshape(24, 2, 1),
        "signal_recording": torch.arange(24) // 8,
        "recordings": {"y": [0, 1, 1], "split": ["train", "train", "test"]},
    }
    return TemporalGraph([], [], [], **{**given, **columns})


def warns(*names):
    """The warning of a name, raised for the line of the test."""
    return pytest.warns(DeprecationWarning, match=".*".join(names) + " now")


def test_recordings_of_a_graph_had_other_names():
    given = {"signal_part": torch.arange(24) // 8, "parts": {"y": [0, 1, 1]}}
    new = build(recordings={"y": [0, 1, 1]}, class_names={"recordings.y": ["a", "b"]})
    with warns("signal_part", "signal_recording") as warned:
        graph = TemporalGraph([], [], [], signal=new.signal, **given)
    assert {w.filename for w in warned} == {__file__}
    with warns("signal_part", "signal_recording"):
        TemporalGraph.from_pandas(
            pd.DataFrame({"src": [0], "dst": [1], "t": [0]}), signal=new.signal, **given
        )
    with pytest.raises(GraphError, match="'signal_recording': it is given twice"):
        silently(build, signal_part=given["signal_part"])
    with warns("signal_part", "signal_recording") as warned:
        assert torch.equal(graph.signal_part, new.signal_recording)
    assert warned[0].filename == __file__
    with warns("parts", "recordings"):
        assert graph.parts["y"].tolist() == new.recordings["y"].tolist()
    with warns("num_parts", "num_recordings"):
        assert graph.num_parts == 3
    with warns("part ", "recording"):
        assert torch.equal(graph.windows(2, 1).part, new.windows(2, 1).recording)
    with warns("parts", "recordings"):
        named = build(class_names={"parts.y": ["a", "b"]})
    assert named.class_names == new.class_names
    with pytest.raises(AttributeError, match="'TemporalGraph' object has no attribute 'prats'"):
        _ = graph.prats
    assert {"signal_recording", "recordings"} <= inspect.signature(TemporalGraph).parameters.keys()


def test_tables_of_a_graph_were_parts():
    graph = TemporalGraph([0], [1], [2], x=[[1.0], [2.0]])
    with warns("part ", "table") as warned:
        found = graph.to_pandas(part="nodes")
    assert warned[0].filename == __file__
    pd.testing.assert_frame_equal(found, graph.to_pandas("nodes"))


@pytest.mark.parametrize(
    ("module", "old", "home", "new"),
    [
        ("parts", "part_bounds", "recordings", "recording_bounds"),
        ("parts", "PartColumn", "recordings", "RecordingColumn"),
        ("whole_parts", "WholeParts", "whole_recordings", "WholeRecordings"),
        ("whole_parts", "GivenSplit", "given_split", "GivenSplit"),
        ("window_splits", "PartSplit", "window_splits", "RecordingSplit"),
        ("window_splits", "part_values", "window_splits", "recording_values"),
    ],
)
def test_modules_of_recordings_had_other_names(module, old, home, new):
    expected = getattr(importlib.import_module(f"graphkit.data.{home}"), new)
    sys.modules.pop(f"graphkit.data.{module}" if module != home else "", None)
    with pytest.warns(DeprecationWarning, match=f"{old} .attribute") as warned:
        found = getattr(importlib.import_module(f"graphkit.data.{module}"), old)
    assert found is expected
    told = " ".join(str(w.message) for w in warned)
    assert (f"{module} (module of graphkit.data)" in told) == (module != home)
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(importlib.import_module(f"graphkit.data.{module}"), "no_such_name")  # noqa: B009
    with pytest.raises(ModuleNotFoundError, match=r"graphkit\.data\.pats"):
        importlib.import_module("graphkit.data.pats")


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("nn.max_norm", "nn.norm", "MaxNorm"),
        ("nn.model_inputs", "nn.inputs", "model_dtype"),
        ("nn.tensor_cache", "nn.caching", "tensors_unchanged"),
        ("nn.ordinal_smooth", "nn.losses", "earth_mover_loss"),
        ("nn.stream.growing_rows", "nn.stream", "grow_rows"),
        ("engine.importance", "analysis", "node_importance"),
        ("engine.scalp_plot", "analysis", "scalp_plot"),
    ],
)
def test_modules_that_moved_into_rooms(old, new, name):
    sys.modules.pop(f"graphkit.{old}", None)
    with pytest.warns(DeprecationWarning, match=rf"{old.rpartition('.')[2]} \(module of graphkit"):
        found = getattr(importlib.import_module(f"graphkit.{old}"), name)
    assert found is getattr(importlib.import_module(f"graphkit.{new}"), name)


def test_the_line_that_imports_an_old_module_is_told():
    sys.modules.pop("graphkit.data.whole_parts", None)
    with pytest.warns(DeprecationWarning, match="whole") as warned:
        from graphkit.data.whole_parts import WholeParts
    assert WholeParts is WholeRecordings
    assert {w.filename for w in warned} == {__file__}


def test_splits_said_part():
    graph = build(recordings={"recording": [0, 0, 1]})  # a column of what data sets call one
    windows = graph.windows(2, 0)
    with warns("part ", "recording"):
        split = TimeSplit(within="part")
    assert split == TimeSplit(within="recording")
    with warns("part ", "recording"):
        assert BlockSplit(4, within="part") == BlockSplit(4)
    wanted = RecordingSplit("number", [0], [1]).split(windows)
    with warns("part ", "number"):
        found = RecordingSplit("part", [0], [1]).split(windows)
    for index, (got, want) in enumerate(zip(found, wanted)):
        assert got.tolist() == want.tolist()
        assert set(windows.recording[got].tolist()) == {(2, 1, 0)[index]}
    named = build(recordings={"part": [5, 6, 7]}).windows(2, 0)  # a column of the graph's own
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(
            named.recording[RecordingSplit("part", [7], [6]).split(named).test].tolist()
        ) == {2}


def test_scalers_said_part():
    graph = build()
    new = MaxAbsScaler("recording").fit(graph.signal, recording=graph.signal_recording)
    with warns("part ", "recording") as warned:
        old = make_scaler("maxabs", "part")
    assert old.per == "recording"
    with warns("part ", "recording") as warned:
        old.fit(graph.signal, part=graph.signal_recording)
    assert warned[0].filename == __file__
    with warns("part ", "recording"):
        scaled = old(graph.signal[:2], part=0)
    assert torch.equal(scaled, new(graph.signal[:2], 0))
    with warns("part ", "recording"):
        assert torch.equal(old.inverse(scaled, part=0), new.inverse(scaled, 0))
    assert torch.equal(old.scale, new.scale)


def test_tasks_said_part():
    graph = build()
    split = RecordingSplit("number", [2], [1])
    given = {"history": 4, "stride": 1, "split": split, "scaler": "maxabs"}
    graph2 = build(recordings={"y": [0, 1, 1, 0]}, signal_recording=torch.arange(24) // 6)
    given["split"] = RecordingSplit("number", [3], [2])
    with warns("part ", "recording") as warned:
        old = graphkit.tasks.WindowClassification(graph2, scale_per="part", **given)
    assert warned[0].filename == __file__
    new = graphkit.tasks.WindowClassification(graph2, scale_per="recording", **given)
    assert old.identity() == new.identity()
    assert old.identity()["scaler"] == "maxabs, per recording"
    query = next(iter(old.stream("train", 4)))
    with warns("part ", "recording"):
        assert torch.equal(query.part, query.recording)
    task = graphkit.tasks.RecordingClassification(graph, split=split)
    with warns("parts", "recordings"):
        assert task.parts is task.recordings
    with warns("part ", "recording"):
        assert task.recordings.part is task.recordings.recording
    with warns("part ", "recording"), pytest.raises(GraphError, match="no training reading"):
        graphkit.tasks.Forecast(graph, scale_per="part")


def test_identities_are_compared_in_the_words_of_today():
    old = {
        "parts": {"train": 3},
        "split": {"within": "part"},
        "a": ["maxabs, per part", 1, ("part",)],
    }
    new = {
        "recordings": {"train": 3}, "split": {"within": "recording"},
        "a": ["maxabs, per recording", 1, ("recording",)],
    }  # fmt: skip
    assert renamed.identity(old) == new == renamed.identity(new)
    assert old["parts"] == {"train": 3}


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


def test_an_old_module_is_found_first_of_all():
    """In a new process, before anything else of graphkit is imported."""
    said = subprocess.run(
        [sys.executable, "-c", "import graphkit.nn.max_norm as old; print(old.MaxNorm.__module__)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "graphkit.nn.norm.max_norm\n"
