"""States are gathered, stored and put together row by row."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from graphkit.encoders.sequence import State
from graphkit.errors import GraphError


class Inner(State):
    time: Tensor
    count: Tensor


class Outer(State):
    h: Tensor
    inner: Inner


def make(rows: int = 4) -> Outer:
    at = torch.arange(rows)
    return Outer(h=at.float().view(-1, 1) + torch.zeros(3), inner=Inner(at.double(), at))


def test_fields_and_wrong_fields() -> None:
    state = make()
    assert state.inner.count.tolist() == [0, 1, 2, 3]
    assert state[1] is state.inner
    assert state.numel() == 4 * 3 + 4 + 4
    assert repr(state) == "Outer(h=[4, 3], inner=Inner(time=[4], count=[4]))"
    assert state.replace(h=state.h + 1).h[0, 0] == 1
    with pytest.raises(TypeError, match="Inner has the fields time, count"):
        Inner(torch.zeros(1))
    with pytest.raises(TypeError, match="Inner has the fields"):
        Inner(torch.zeros(1), torch.zeros(1), count=torch.zeros(1))
    with pytest.raises(TypeError, match="no named fields"):
        State(h=torch.zeros(1))


def test_rows() -> None:
    state = make()
    some = state.index_select(torch.tensor([3, 3, 1]))
    assert some.inner.count.tolist() == [3, 3, 1]
    table = make(5).map(torch.zeros_like)
    state.index_select(torch.tensor([1, 2])).scatter_(table, torch.tensor([4, 0]))
    assert table.inner.count.tolist() == [2, 0, 0, 0, 1]
    assert table.h[:, 0].tolist() == [2, 0, 0, 0, 1]
    mask = torch.tensor([True, False, True, False])
    both = state.where(mask, state.map(lambda t: t + 10))
    assert both.inner.count.tolist() == [0, 11, 2, 13]
    assert both.h[:, 2].tolist() == [0, 11, 2, 13]
    with pytest.raises(GraphError, match="another batch"):
        state.check_batch(5)


def test_to_keeps_times_and_counts() -> None:
    half = make().to(dtype=torch.float16)
    assert half.h.dtype == torch.float16
    assert half.inner.time.dtype == torch.float64
    assert half.inner.count.dtype == torch.int64


def test_trees_copies_and_files() -> None:
    state = make()
    leaves, spec = pytree.tree_flatten((state, [state.h]))
    assert len(leaves) == 4
    assert isinstance(pytree.tree_unflatten(leaves, spec)[0].inner, Inner)
    for twin in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert isinstance(twin, Outer)
        assert torch.equal(twin.h, state.h)
    state.h.requires_grad_()
    assert not (state.map(lambda t: t * 2).detach()).h.requires_grad
