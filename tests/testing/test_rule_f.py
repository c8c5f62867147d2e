from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from graphkit.testing import fill_rule_f, rule_f_image, rule_f_values


def value(k: int) -> float:
    c = k % 10_007
    return (((c * c + 3 * c + 1) * 7_919) % 10_007) / 10_007 - 0.5


def test_values_are_those_of_the_formula_in_row_major_order() -> None:
    found = rule_f_values(3, 5_001)
    assert found.shape == (3, 5_001)
    for row, column in ((0, 0), (0, 1), (1, 0), (2, 5_000)):
        assert found[row, column].item() == value(row * 5_001 + column)
    assert float(found.abs().max()) <= 0.5
    assert torch.equal(rule_f_image(1, 2, 3), 4 * rule_f_values(1, 2, 3))


def test_vectors_scales_of_norms_and_matrices_are_filled_by_their_own_rule() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Conv2d(4, 6, 3)).double()
    fill_rule_f(module, gain=0.5)
    linear, norm, conv = module
    assert linear.bias[2].item() == pytest.approx(0.2 * value(2), abs=1e-15)
    assert norm.weight[2].item() == pytest.approx(1 + 0.2 * value(2), abs=1e-15)
    assert norm.bias[2].item() == pytest.approx(0.2 * value(2), abs=1e-15)
    expected = 0.5 * math.sqrt(12 / 3) * value(4)
    assert linear.weight[1, 1].item() == pytest.approx(expected, abs=1e-15)
    expected = 0.5 * math.sqrt(12 / 36) * value(36)
    assert conv.weight[1, 0, 0, 0].item() == pytest.approx(expected, abs=1e-15)


def test_one_dimension_larger_than_one_is_a_vector_and_skipped_names_stay() -> None:
    module = nn.Module()
    module.token = nn.Parameter(torch.zeros(1, 1, 5))
    module.head = nn.Linear(2, 2)
    before = module.head.weight.clone()
    fill_rule_f(module, skip=lambda name: name.startswith("head."))
    assert torch.equal(module.head.weight, before)
    assert module.token[0, 0, 3].item() == pytest.approx(0.2 * value(3))
