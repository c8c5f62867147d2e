"""Answers of a split in one place: batches in any order, and rows from several processes."""

import threading

import pytest
import torch

from graphkit.engine.collect import Collector
from graphkit.engine.runtime import Runtime
from graphkit.tasks.answer import FIELDS, Answer

ONE = Runtime(torch.device("cpu"), 0, 1, "32-true", None)


def answers(rows, dtype):
    draw = torch.Generator().manual_seed(rows)
    return Answer(
        torch.randn(rows, 2, 3, generator=draw).to(dtype),
        torch.randint(1 << 40, (rows,), generator=draw),
        torch.rand(rows, 2, generator=draw) < 0.5,
        torch.arange(rows),
    )


def same(a, b):
    for name in FIELDS:
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None), name
        assert x is None or torch.equal(x, y.to(x.dtype)), name
        assert x is None or name == "prediction" or x.dtype == y.dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_batches_in_any_order(dtype):
    whole = answers(11, dtype)
    found = Collector(11)
    for first, last in ((7, 11), (0, 4), (4, 7)):
        found.add(first, whole[first:last])
    kept = found.answer(ONE)
    same(kept, whole)
    assert kept.prediction.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_nothing_is_asked():
    assert Collector(0).answer(ONE) is None


class Together:
    """The sum over threads, in place of a collective over processes."""

    def __init__(self, world):
        self.barrier, self.seen = threading.Barrier(world), {}

    def __call__(self, values, op=torch.distributed.ReduceOp.SUM):
        self.seen[threading.get_ident()] = values.clone()
        self.barrier.wait()
        each = torch.stack(list(self.seen.values()))
        self.barrier.wait()
        most = op == torch.distributed.ReduceOp.MAX
        values.copy_(each.amax(0) if most else each.sum(0).to(values.dtype))
        self.barrier.wait()


@pytest.mark.parametrize("shares", [[(0, 3), (3, 7)], [(0, 0), (0, 7)], [(0, 7), (7, 7), (7, 7)]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_process_gets_every_field(monkeypatch, shares, dtype):
    """One that had no rows at all is told which fields there are, with their shapes and dtypes."""
    whole, world = answers(7, dtype), len(shares)
    monkeypatch.setattr(torch.distributed, "all_reduce", Together(world))
    kept = [None] * world

    def run(rank):
        found = Collector(7)
        first, last = shares[rank]
        if last > first:
            found.add(first, whole[first:last])
        runtime = Runtime(torch.device("cpu"), rank, world, "32-true", None)
        kept[rank] = found.answer(runtime)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for answer in kept:
        same(answer, whole)
        assert answer.prediction.dtype == dtype
