"""The lists of TGB against a loop over events, and against the published generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit import TemporalGraph
from graphkit.data.splits import Split, split_by_time
from graphkit.errors import GraphError
from graphkit.metrics import mrr
from graphkit.sampling.negatives import FixedNegatives, tgb_negatives


def a_split(num_events: int = 300, sources: int = 6, destinations: int = 40) -> Split:
    draw = torch.Generator().manual_seed(1)
    src = torch.randint(sources, (num_events,), generator=draw)
    dst = sources + torch.randint(destinations, (num_events,), generator=draw)
    dst[:2] = torch.tensor([sources, sources + destinations - 1])
    t = torch.randint(0, 2, (num_events,), generator=draw).cumsum(0)
    return split_by_time(TemporalGraph(src, dst, t, num_nodes=sources + destinations))


def slow_lists(split: Split, num: int, seed: int = 42) -> dict[str, list[list[int]]]:
    """One event at a time, with dictionaries and sets."""
    random = np.random.RandomState(seed)
    every = torch.cat([part.dst for part in split])
    pool = set(range(int(every.min()), int(every.max()) + 1))
    seen: dict[int, set[int]] = {}
    for u, v in zip(split.train.src.tolist(), split.train.dst.tolist()):
        seen.setdefault(u, set()).add(v)
    found = {}
    for name in ("val", "test"):
        part = getattr(split, name)
        events = list(zip(part.src.tolist(), part.dst.tolist(), part.t.tolist()))
        lists: dict[tuple[int, int, int], list[int]] = {}
        for u, v, t in events:
            now = {b for a, b, when in events if (a, when) == (u, t)}
            old: list[int] = []
            if u in seen:
                choice = np.array(sorted(seen[u] - now))
                old = random.choice(choice, min(num // 2, len(choice)), replace=False).tolist()
            rest = np.array(sorted(pool - now - seen.get(u, set())))
            if num - len(old) <= len(rest):
                rest = random.choice(rest, num - len(old), replace=False)
            lists[u, v, t] = old + rest.tolist()
        found[name] = [lists[event] for event in events]
    return found


def as_lists(fixed: FixedNegatives, part: TemporalGraph) -> list[list[int]]:
    rows = fixed.sample(part.batches(size=len(part))[0])
    return [[v for v in row if v >= 0] for row in rows.tolist()]


@pytest.mark.parametrize("num", [1, 4, 7, 11, 30, 90])
def test_lists_equal_a_loop_over_events(num: int) -> None:
    split = a_split()
    found, expected = tgb_negatives(split, num), slow_lists(split, num)
    for name in ("val", "test"):
        assert as_lists(found[name], getattr(split, name)) == expected[name]


def test_a_source_that_training_does_not_contain_gets_random_negatives_only() -> None:
    split = a_split()
    keep = split.train.src != 2
    split = Split(split.train.filter_events(keep), split.val, split.test)
    found, expected = tgb_negatives(split, 4), slow_lists(split, 4)
    assert as_lists(found["test"], split.test) == expected["test"]


def test_every_possible_destination() -> None:
    split = a_split()
    found = tgb_negatives(split, None)
    events = list(zip(split.test.src.tolist(), split.test.t.tolist()))
    true: dict = {}
    for key, v in zip(events, split.test.dst.tolist()):
        true.setdefault(key, set()).add(v)
    for key, row in zip(events, as_lists(found["test"], split.test)):
        assert set(row) == set(range(6, 46)) - true[key]
        assert len(row) == len(set(row))


@pytest.mark.extras
def test_lists_equal_those_of_py_tgb(tmp_path: Path) -> None:
    generator = pytest.importorskip(
        "tgb.linkproppred.negative_generator", reason="py-tgb is not installed"
    )
    data = pytest.importorskip("torch_geometric.data")
    import pickle

    split = a_split()

    def events(part: TemporalGraph):
        return data.TemporalData(src=part.src, dst=part.dst, t=part.t)

    for num in (4, 11, 30, 90):
        folder = tmp_path / str(num)
        folder.mkdir()
        theirs = generator.NegativeEdgeGenerator(
            "twin", 6, 45, num, "hist_rnd", 42, 0.5, events(split.train)
        )
        ours = tgb_negatives(split, num)
        for name in ("val", "test"):
            part = getattr(split, name)
            theirs.generate_negative_samples(events(part), name, str(folder))
            with open(folder / f"twin_{name}_ns.pkl", "rb") as file:
                lists = pickle.load(file)
            keys = zip(part.src.tolist(), part.dst.tolist(), part.t.tolist())
            assert as_lists(ours[name], part) == [lists[key].astype(int).tolist() for key in keys]


def test_refusals() -> None:
    split = a_split()
    with pytest.raises(GraphError, match="num"):
        tgb_negatives(split, 0)
    with pytest.raises(GraphError, match="a period has no event"):
        tgb_negatives(Split(split.train, split.val[0:0], split.test), 3)


@pytest.mark.parametrize("row", [[-1, 3], [3, -2], [-1, -1, 4]])
def test_padding_is_only_at_the_end_of_a_row(row: list[int]) -> None:
    with pytest.raises(GraphError, match="negative"):
        FixedNegatives(torch.tensor([row]), padded=True)
    with pytest.raises(GraphError, match="negative"):
        FixedNegatives(torch.tensor([[3, -1]]))
    fixed = FixedNegatives(torch.tensor([[3, -1]], dtype=torch.int32), padded=True)
    assert fixed.pool["size"] == 2


@pytest.mark.extras
def test_ranks_equal_those_of_the_evaluator_of_py_tgb() -> None:
    evaluate = pytest.importorskip("tgb.linkproppred.evaluate", reason="py-tgb is not installed")
    draw = torch.Generator().manual_seed(2)
    scores = torch.randint(0, 6, (200, 21), generator=draw).float()  # many ties
    theirs = evaluate.Evaluator("tgbl-wiki")
    found = [
        theirs.eval(
            {"y_pred_pos": row[:1].numpy(), "y_pred_neg": row[1:].numpy(), "eval_metric": ["mrr"]}
        )
        for row in scores
    ]
    assert mrr(scores) == pytest.approx(np.mean([row["mrr"] for row in found]), abs=1e-6)
