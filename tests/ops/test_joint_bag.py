"""Pooling over the true cells of a mask: listed, dense, and one cell after the other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphkit.ops.joint_bag import joint_bag, sparse_bag
from graphkit.ops.joint_bag import op as module

ROWS, WIDTH, SIZE, CHANNELS = 7, 11, 40, 3


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch":
        monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)


def case(dtype: torch.dtype = torch.float64, density: float = 0.3):
    table = torch.randn(SIZE, CHANNELS, dtype=dtype, requires_grad=True)
    mask = (torch.rand(ROWS, WIDTH) < density).to(torch.uint8) * 5
    index = torch.randint(SIZE, (ROWS, WIDTH))
    return table, mask, index


def slowly(table: Tensor, mask: Tensor, index: Tensor) -> Tensor:
    zero = table[0] * 0
    rows = []
    for p in range(mask.shape[0]):
        cells = [table[index[p, c]] for c in range(WIDTH) if mask[p, c]]
        rows.append(sum(cells, zero))
    return torch.stack(rows) if rows else table.new_zeros(0, CHANNELS)


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("pool", [joint_bag, module._dense_bag])
def test_equals_one_cell_after_the_other(pool, density: float):
    table, mask, index = case(density=density)
    grad = torch.randn(ROWS, CHANNELS, dtype=table.dtype)
    expected = slowly(table, mask, index)
    (expected_grad,) = torch.autograd.grad(expected, table, grad, allow_unused=True)
    out = pool(table, mask, lambda row, column: index[row, column])
    (got,) = torch.autograd.grad(out, table, grad)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(got, torch.zeros_like(got) if density == 0 else expected_grad)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8])
def test_any_mask_and_rows_without_a_cell(dtype: torch.dtype):
    table, mask, index = case()
    mask[3] = 0
    out = joint_bag(table, mask.to(dtype), lambda row, column: index[row, column])
    assert out[3].tolist() == [0.0] * CHANNELS
    torch.testing.assert_close(out, slowly(table, mask, index))


def test_no_rows():
    table, mask, index = case()
    out = joint_bag(table, mask[:0], lambda row, column: index[row, column])
    assert out.shape == (0, CHANNELS)
    out.sum().backward()
    assert not bool(table.grad.any())


def test_a_cell_is_asked_for_by_row_and_column():
    table, mask, _ = case()
    seen = []

    def index(row: Tensor, column: Tensor) -> Tensor:
        assert row.dtype == column.dtype == torch.int64
        seen.extend(zip(row.tolist(), column.tolist()))
        return row * 0

    joint_bag(table, mask, index)
    assert seen == [tuple(cell) for cell in mask.nonzero().tolist()], "true cells only, in order"


def test_gradcheck():
    table, mask, index = case()
    cell = mask.view(-1).nonzero().squeeze(1)
    row, at = cell // WIDTH, index.view(-1)[cell]
    assert torch.autograd.gradcheck(lambda w: sparse_bag(w, at, row, ROWS), table)


def test_sparse_bag_adds_repeated_entries():
    table = torch.arange(6.0).view(3, 2).requires_grad_()
    out = sparse_bag(table, torch.tensor([2, 2, 0]), torch.tensor([1, 1, 0]), 3)
    assert out.tolist() == [[0, 1], [8, 10], [0, 0]]
    out.backward(torch.tensor([[1.0, 0], [0, 1.0], [5.0, 5.0]]))
    assert table.grad.tolist() == [[1, 0], [0, 0], [0, 2]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keeps_the_type_of_the_table(dtype: torch.dtype):
    table, mask, index = case(dtype)
    out = joint_bag(table, mask, lambda row, column: index[row, column])
    out.sum().backward()
    assert out.dtype == table.grad.dtype == dtype


def test_gpu_equals_cpu(cuda: torch.device):
    table, mask, index = case(torch.float32)
    here = joint_bag(table, mask, lambda row, column: index[row, column])
    index = index.to(cuda)
    there = joint_bag(table.to(cuda), mask.to(cuda), lambda row, column: index[row, column])
    torch.testing.assert_close(here, there.cpu())
