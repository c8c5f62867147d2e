"""States of many nodes: rounds, storage, gradients, what cannot be stored."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit.encoders.sequence import GRU, BiGRU, StateTable, WithTimeGap
from graphkit.encoders.sequence.table import occurrence_rounds
from graphkit.errors import GraphError


@given(st.lists(st.integers(0, 4), min_size=1, max_size=15))
def test_rounds(rows: list[int]) -> None:
    order, sizes = occurrence_rounds(torch.tensor(rows), 5)
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert len(sizes) == max(Counter(rows).values())
    seen: dict[int, int] = {}
    for part in order.split(sizes):
        mine = [rows[i] for i in part.tolist()]
        assert len(set(mine)) == len(mine)
        for i in part.tolist():
            assert seen.get(rows[i], -1) < i
            seen[rows[i]] = i


def test_gradients_flow_within_a_call_and_end_with_it() -> None:
    encoder = GRU(2).double()
    table = StateTable(encoder, 4)
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    node = torch.tensor([1, 3, 1])
    y = table.advance(encoder, node, x)
    (grad,) = torch.autograd.grad(y[2].sum(), x, retain_graph=True)
    assert grad[0].any()
    assert grad[2].any()
    assert not grad[1].any()
    assert not table.state.h.requires_grad
    later = table.advance(encoder, node[:1], x[:1].detach())
    (grad,) = torch.autograd.grad(later.sum(), x, allow_unused=True)
    assert grad is None


def test_an_invalid_event_changes_nothing() -> None:
    encoder, table = GRU(2), StateTable(GRU(2), 3)
    x = torch.randn(2, 2)
    y = table.advance(encoder, torch.tensor([0, 2]), x, mask=torch.tensor([False, True]))
    assert not y[0].any()
    assert not table.state.h[:2].any()
    assert table.state.h[2].any()
    assert table.advance(encoder, torch.empty(0, dtype=torch.long), x[:0]).shape == (0, 2)
    table.reset()
    assert not table.state.h.any()


def test_the_table_is_in_the_state_dict_and_keeps_times() -> None:
    encoder = WithTimeGap(GRU(3, 4))
    table, other = StateTable(encoder, 3), StateTable(encoder, 3)
    when = torch.tensor([1.7e9 + 1, 1.7e9 + 2], dtype=torch.float64)
    table.advance(encoder, torch.tensor([0, 1]), torch.randn(2, 2), when)
    other.load_state_dict(table.state_dict())
    for a, b in zip(other.state.leaves(), table.state.leaves()):
        assert torch.equal(a, b)
    table.half()
    assert table.state.time[:2].tolist() == when.tolist()
    assert table.state.inner.h.dtype == torch.float16
    table.write(torch.tensor([2]), other.gather(torch.tensor([1])))
    assert table.state.time[2] == when[1]


def test_what_no_table_can_hold() -> None:
    with pytest.raises(GraphError, match="not causal"):
        StateTable(BiGRU(2), 3)
    growing = GRU(2)
    growing.state_is_constant = False
    with pytest.raises(GraphError, match="grows with every event"):
        StateTable(growing, 3)
