"""Damaged files: they give what was written, or an error that names the file."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.reliability import _training
from benchmarks.reliability._case import REFUSED, RIGHT, Case, Fault
from benchmarks.reliability._damage import Files, damage, read_files, write_files
from graphkit import Predictor, TemporalGraph
from graphkit.engine import Result, load_results, save_results
from graphkit.errors import GraphError
from graphkit.sampling.negatives import FixedNegatives, RandomNegatives


def _graph(number: int) -> TemporalGraph:
    draw = torch.Generator().manual_seed(number)
    src, dst = torch.randint(0, 9, (2, 60), generator=draw)
    t = torch.randint(0, 3, (60,), generator=draw).cumsum(0)
    return TemporalGraph(
        src, dst, t, num_nodes=9, node_names=[f"n{i}" for i in range(9)], name="drawn",
        edge_weight=torch.rand(60, generator=draw), edge_y=src % 3,
        edge_attr=torch.randn(60, 2, generator=draw),
    )  # fmt: skip


def _with_everything(number: int) -> TemporalGraph:
    """A graph with node data, changes and recordings beside its events."""
    draw, events = torch.Generator().manual_seed(number), _graph(number)
    changes = {"node": torch.arange(9), "t": torch.arange(9), "y": torch.arange(9) % 2}
    return TemporalGraph(
        events.src, events.dst, events.t, num_nodes=9, node_names=list(range(100, 109)),
        x=torch.randn(9, 2, generator=draw), node_events=changes, node_type=torch.arange(9) % 3,
        signal=torch.randn(20, 9, 1, generator=draw), signal_t=torch.arange(20) * 5,
        signal_mask=torch.rand(20, 9, generator=draw) < 0.9,
        signal_recording=torch.arange(20) // 10, recordings={"y": ["a", "b"], "size": [1, 2]},
        time_unit="ms", dates=True, time_zone="Europe/Berlin", name="all",
    )  # fmt: skip


def _columns(graph: TemporalGraph) -> list[Any]:
    names = ("src", "dst", "t", "edge_attr", "edge_weight", "edge_y", "x", "node_type", "signal")
    names += ("signal_t", "signal_mask", "signal_recording")
    columns = [None if (v := getattr(graph, name)) is None else v.tolist() for name in names]
    labels = None if graph.node_names is None else graph.node_names.tolist()
    changes = graph.node_events
    if changes is not None:
        columns += [changes.node.tolist(), changes.t.tolist(), changes.y.tolist()]
    recordings = {name: column.tolist() for name, column in graph.recordings.items()}
    facts = [graph.num_nodes, str(graph.time_unit), graph.name, graph.time_zone, graph.dates]
    return [*columns, labels, recordings, *facts]


@functools.cache
def whole(make: Callable[[Path, int], Any], number: int) -> Files:
    """The files that ``make(folder, number)`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), number)
        return read_files(Path(folder))


@functools.cache
def _content(make: Callable[[Path, int], Any], read: Callable[[Path], Any]) -> Any:
    """What they hold."""
    with tempfile.TemporaryDirectory() as folder:
        return read(write_files(whole(make, 0), Path(folder)))


def _kind(make: Callable[[Path, int], Any], read: Callable[[Path], Any]) -> Callable[[Case], str]:
    """Damages what ``make(folder, number)`` writes, and reads it.

    ``read`` returns plain values that are compared with those of the whole files. A single file
    that is exchanged as a whole cannot be told from the right one, so others are those of a folder.
    """

    def run(case: Case) -> str:
        expected, intact = _content(make, read), whole(make, 0)
        files, names = damage(case, intact, whole(make, 1) if len(intact) > 1 else {})
        write_files(files, case.folder)
        try:
            found = read(case.folder)
        except GraphError as error:
            named = any(name in str(error) for name in [str(case.folder), *_last(names)])
            if not named:
                raise Fault(f"the error names none of {names}: {error}") from error
            return REFUSED
        begins_anew = found == "a new run" and len(files) < len(intact)
        case.check(begins_anew or found == expected, f"the content of {names} is another one")
        return RIGHT

    return run


def _last(names: list[str]) -> list[str]:
    return [Path(name).name for name in names]


def save_graph(folder: Path, number: int) -> None:
    _with_everything(number).save(folder / "graph")


def open_graph(folder: Path) -> Any:
    return _columns(TemporalGraph.open(folder / "graph", verify=True))


def unverified(case: Case) -> str:
    """A folder that is opened without checksums: a valid graph, whose views work, or an error."""
    files, _ = damage(case, whole(save_graph, 0), whole(save_graph, 1))
    write_files(files, case.folder)
    try:
        graph = TemporalGraph.open(case.folder / "graph")
    except GraphError as error:
        case.check(str(case.folder) in str(error), f"the error names no file: {error}")
        return REFUSED
    case.check(graph.csr.indptr[-1] <= 2 * len(graph), "an invalid graph")
    case.check(sum(len(batch) for batch in graph.batches(size=7)) == len(graph), "lost events")
    case.check(bool((graph.t.diff() >= 0).all()), "times are not sorted")
    return RIGHT


def _table(suffix: str) -> Callable[[Case], str]:
    def save(folder: Path, number: int) -> None:
        _graph(number).save(folder / f"graph{suffix}")

    def read(folder: Path) -> Any:
        return _columns(TemporalGraph.open(folder / f"graph{suffix}", verify=True))

    return _kind(save, read)


def _csv(suffix: str) -> Callable[[Case], str]:
    def save(folder: Path, number: int) -> None:
        _graph(number).to_csv(folder / f"events.csv{suffix}")

    def read(folder: Path) -> Any:
        return _columns(TemporalGraph.from_csv(folder / f"events.csv{suffix}"))

    return _kind(save, read)


def train(folder: Path, number: int) -> None:
    _training.outcome(number, folder / "checkpoints")


def resume(folder: Path) -> Any:
    """The numbers of the run that goes on; without ``last.pt`` it starts again, to the same."""
    return _training.outcome(0, folder / "checkpoints", resume=True)


def save_predictor(folder: Path, number: int) -> None:
    if number == 0:
        _training.predictor().save(folder / "predictor")


def open_predictor(folder: Path) -> Any:
    predictor = Predictor.open(folder / "predictor")
    state = predictor.model.state_dict()
    return {name: value.tolist() for name, value in state.items()}


def save_records(folder: Path, number: int) -> None:
    metrics = {"test": {"ap": 0.5 + number / 10}}
    results = [Result("task", "data", "model", seed, metrics=metrics) for seed in (0, 1)]
    save_results(results, folder / "result.json")


def load_records(folder: Path) -> Any:
    return [result.to_dict() for result in load_results(folder / "result.json")]


def begin_job(folder: Path, number: int) -> None:
    from benchmarks._job import Job

    job = Job.open(str(folder / "run"), {"model": "nat", "seeds": str(number)}, "")
    job.begin()
    job.close()


def go_on(folder: Path) -> Any:
    from benchmarks._job import Job

    job = Job.open(str(folder / "run"), {}, "")
    job.close()
    return job.arguments or "a new run"


def json_records(case: Case) -> str:
    """JSON whose values change while it stays JSON: the checksum notices it."""
    name, read, make = case.draw.choice(
        [
            ("graph/graph.json", open_graph, save_graph),
            ("predictor/predictor.json", open_predictor, save_predictor),
            ("run/run.json", go_on, begin_job),
            ("result.json", load_records, save_records),
        ]
    )
    files = whole(make, 0)
    record = json.loads(files[name])
    part = case.draw.choice(record) if isinstance(record, list) else record
    for _ in range(case.draw.randint(0, 3)):
        inner = [v for v in part.values() if isinstance(v, dict) and v]
        part = case.draw.choice(inner) if inner else part
    key = case.draw.choice(sorted(part))
    old = part[key]
    part[key] = case.draw.choice([None, 0, -1, "x", [], {}, 2**70, 1.5, [[]], {"a": None}])
    case.tell(file=name, key=key, was=old, now=part[key])
    write_files(files | {name: json.dumps(record).encode()}, case.folder)
    try:
        found = read(case.folder)
    except GraphError as error:
        case.check(Path(name).name in str(error), f"the error does not name the file: {error}")
        return REFUSED
    case.check(found == _content(make, read), "the content is another one")
    return RIGHT


def _lists(number: int) -> FixedNegatives:
    graph = _graph(0)
    return FixedNegatives.draw(graph=graph, sampler=RandomNegatives(graph, seed=number), num=3)


def save_lists(folder: Path, number: int) -> None:
    _lists(number).save(folder / "negatives.npz")


def open_lists(folder: Path) -> Any:
    graph = _graph(0)
    lists = FixedNegatives(folder / "negatives.npz", sha256=_lists(0).pool["sha256"], graph=graph)
    return [lists.sample(batch).tolist() for batch in graph.batches(size=30)]


def begin() -> None:
    """Write every kind of file once."""
    for number in (0, 1):
        whole(train, number)
        whole(save_predictor, number)
    _content(train, resume)


KINDS = {
    "graph_folder": _kind(save_graph, open_graph),
    "graph_folder_unverified": unverified,
    "checkpoint": _kind(train, resume),
    "predictor_folder": _kind(save_predictor, open_predictor),
    "run_json": _kind(begin_job, go_on),
    "result_json": _kind(save_records, load_records),
    "json_records": json_records,
    "negatives": _kind(save_lists, open_lists),
    "csv_gz": _csv(".gz"),
    "csv_bz2": _csv(".bz2"),
    "csv_xz": _csv(".xz"),
}
try:
    import pyarrow  # noqa: F401
except ImportError:
    pass
else:
    KINDS |= {"arrow": _table(".arrow"), "parquet": _table(".parquet")}
