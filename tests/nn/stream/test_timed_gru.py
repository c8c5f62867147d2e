"""TimedGRU: torch's GRUCell where they agree, and what ages, features and times add."""

import pytest
import torch
from torch import nn

from graphkit.nn.stream import NCache, TimedGRU, num_buckets


def as_cell(gru):
    """torch's cell with the same numbers; its input bias is the gate of one age."""
    cell = nn.GRUCell(gru.in_weight.shape[1], gru.state_weight.shape[1])
    with torch.no_grad():
        cell.weight_ih.copy_(gru.in_weight)
        cell.weight_hh.copy_(gru.state_weight)
        cell.bias_hh.copy_(gru.state_bias)
    return cell


@pytest.mark.parametrize("age", [0, 3, 5])
def test_is_a_gru_whose_input_bias_depends_on_the_age(age):
    gru = TimedGRU(7, 0, 0, 4, num_ages=5)
    cell = as_cell(gru)
    with torch.no_grad():
        cell.bias_ih.copy_(gru.age[:, age])
    vector, state = torch.randn(6, 7), torch.randn(4, 6)
    ages = torch.full((6,), age)
    expected = cell(vector, state.t())
    out = gru(vector, ages, state, torch.ones(6, dtype=torch.bool))
    torch.testing.assert_close(out.t(), expected)


@pytest.mark.parametrize("num_nodes", [3, 50])
def test_look_up_is_the_step_on_gathered_rows(num_nodes):
    """Tables with fewer and with more rows than there are entries."""
    gru = TimedGRU(7, 2, 0, 4, num_ages=5)
    table, state, feature = torch.randn(num_nodes, 7), torch.randn(4, 9), torch.randn(9, 2)
    key, age = torch.randint(num_nodes, (9,)), torch.randint(5, (9,))
    known = torch.arange(9) % 2 == 0
    out = gru.look_up(table, key, age, state, known.float(), feature)
    expected = gru(table[key], age, state, torch.ones(9, dtype=torch.bool), feature)
    torch.testing.assert_close(out, expected * known)
    out.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in gru.parameters())


def test_encoded_times_take_the_place_of_ages():
    gru = TimedGRU(7, 2, 3, 4, num_ages=0)
    cell = as_cell(gru)
    vector, state, known = torch.randn(6, 7), torch.randn(4, 6), torch.arange(6) % 2 == 0
    feature, time = torch.randn(6, 2), torch.randn(6, 3)
    with torch.no_grad():
        cell.bias_ih.copy_(gru.age[:, 0])
        cell.weight_ih = torch.nn.Parameter(
            torch.cat([gru.in_weight, gru.edge_weight, gru.time_weight], dim=1)
        )
    # Without an event the features are zeros, and the time is encoded all the same.
    expected = cell(torch.cat([vector, feature * known.unsqueeze(1), time], dim=1), state.t())
    for age in (0, num_buckets()):
        ages = torch.full((6,), age)
        out = gru(vector, ages, state, known, feature, time)
        torch.testing.assert_close(out.t(), expected)


def test_a_cache_refuses_a_state_of_another_hash():
    saved = NCache(10, seed=1).state_dict()
    NCache(10, seed=1).load_state_dict(saved)
    with pytest.raises(ValueError, match="filled with another hash; expected 1; got 2"):
        NCache(10, seed=2).load_state_dict(saved)
    NCache(10, seed=-1).load_state_dict(NCache(10, seed=2**64 - 1).state_dict())
