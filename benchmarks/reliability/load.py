"""Load: many graphs and files, and long streams; neither memory nor open files grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from benchmarks.reliability import _memory, _training
from benchmarks.reliability._case import RIGHT, Case, refused
from benchmarks.reliability._graphs import check_same, random_graph
from graphkit import Predictor, TemporalGraph, registry

SIZES = (1,)
_WARM = 20  # rounds before memory is looked at
_ROUNDS = 60
_SLACK = 24 << 20  # bytes: what the allocator keeps


def _steady(case: Case, rounds: Iterator[object]) -> str:
    """Run rounds; after the first ones, memory and open files stay as they are."""
    for _ in range(_WARM):
        next(rounds)
    held, files = _memory.held_bytes(), _memory.num_open_files()
    for _ in range(_ROUNDS):
        next(rounds)
    grown = _memory.held_bytes() - held
    case.check(grown < _SLACK, f"{grown >> 20} MiB more after {_ROUNDS} rounds")
    opened = _memory.num_open_files() - files
    case.check(opened <= 0, f"{opened} more open files after {_ROUNDS} rounds")
    return RIGHT


def _forever(work: Callable[[], object]) -> Iterator[object]:
    while True:
        yield work()


def graphs(case: Case) -> str:
    """Graphs of 20,000 events, their index and all their views, built and dropped."""

    def work() -> None:
        src, dst = case.integers(0, 500, 2, 5_000)
        t = case.integers(0, 3, 5_000).cumsum(0)
        graph = TemporalGraph(src, dst, t, edge_attr=torch.rand(5_000, 4))
        case.check(int(graph.csr.indptr[-1]) > 5_000, "no index")
        events = sum(len(batch) for batch in graph.split().train.batches(size=500))
        case.check(events > 2_000, "lost events")
        case.check(sum(1 for _ in graph.snapshots(count=10)) == 10, "lost steps")

    return _steady(case, _forever(work))


def files(case: Case) -> str:
    """Graphs written and opened, as folders and as tables."""
    suffixes = [""]
    if _has_arrow():
        suffixes += [".arrow", ".parquet"]

    def work() -> None:
        graph, _ = random_graph(case)
        path = case.folder / f"graph{case.draw.choice(suffixes)}"
        graph.save(path)
        check_same(case, graph, TemporalGraph.open(path))

    return _steady(case, _forever(work))


def _has_arrow() -> bool:
    """Whether tables can be written here."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def refusals(case: Case) -> str:
    """Broken input that is refused again and again: an error holds no data."""
    x = torch.zeros(5_000, 16)

    def work() -> None:
        src = case.integers(0, 500, 5_000)
        with refused(case, True, "times are NaN"):
            TemporalGraph(src, src, src.double() * torch.nan, x=x)
        with refused(case, True, "there is no graph"):
            TemporalGraph.open(case.folder / "nothing")

    return _steady(case, _forever(work))


def _stream(case: Case, name: str) -> str:
    """A model that observes and scores a stream without an end."""
    nodes, size = 200, 400
    first = TemporalGraph([0], [nodes - 1], [0], num_nodes=nodes)
    model = registry.get("model", name).from_graph(first).eval()
    now = [0]

    def work() -> None:
        src, dst = case.integers(0, nodes, 2, size)
        t = case.integers(0, 3, size).cumsum(0) + now[0]
        now[0] = int(t[-1])
        graph = TemporalGraph(src, dst, t, num_nodes=nodes)
        with torch.no_grad():
            for batch in graph.batches(size=100):
                scores = model.score(batch.src, batch.dst, batch.t)
                case.check(bool(scores.isfinite().all()), "a score is not finite")
                model.observe(batch)

    state = [0]

    def rounds() -> Iterator[object]:
        for number, made in enumerate(_forever(work)):
            held = sum(b.numel() * b.element_size() for b in model.buffers())
            if number == _WARM - 1:
                state[0] = held
            elif number == _WARM + _ROUNDS - 1:
                case.check(held == state[0], f"the state grew from {state[0]} to {held} bytes")
            yield made

    return _steady(case, rounds())


def streams(case: Case) -> str:
    """Models of streams, tens of thousands of events: state and memory stay."""
    name = case.draw.choice(["nat", "tgn", "history"])
    case.tell(model=name)
    return _stream(case, name)


def predictors(case: Case) -> str:
    """A predictor in use: tables scored and observed, the folder saved and opened."""
    folder = case.folder / "predictor"
    _training.predictor().save(folder)
    predictor = Predictor.open(folder)
    graph = _training.graph()
    table = graph.to_pandas()[["src", "dst", "t"]].tail(50)
    span = int(table["t"].max() - table["t"].min()) + 1
    moved = [0]

    def work() -> None:
        nonlocal predictor
        moved[0] += span
        later = table.assign(t=table["t"] + moved[0])
        answer = predictor.score(later, observe=True)
        case.check(len(answer) == len(later), "lost rows")
        if moved[0] % (10 * span) == 0:
            predictor.save(folder)
            predictor = Predictor.open(folder)

    return _steady(case, _forever(work))


KINDS = {
    "graphs": graphs,
    "files": files,
    "refusals": refusals,
    "streams": streams,
    "predictors": predictors,
}
