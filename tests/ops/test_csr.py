"""Sparse matrices against dense ones."""

import pytest
import torch

from graphkit.ops.csr import CSR


def example(dtype=torch.float64):
    row = torch.tensor([2, 0, 2, 2, 4, 0])
    column = torch.tensor([1, 3, 1, 0, 3, 0])  # (2, 1) twice: they add up; rows 1 and 3 are empty
    value = torch.tensor([1.0, 2, 3, 4, 5, 6], dtype=dtype)
    dense = torch.zeros(5, 4, dtype=dtype)
    for r, c, v in zip(row.tolist(), column.tolist(), value.tolist()):
        dense[r, c] += v
    return CSR.from_coo(row, column, value, (5, 4)), dense


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products(dtype):
    matrix, dense = example(dtype)
    h = torch.randn(4, 3, dtype=dtype)
    torch.testing.assert_close(matrix.matmul(h), dense @ h)
    out = torch.empty(5, 3, dtype=dtype)
    torch.testing.assert_close(matrix.matmul_into(h, out), dense @ h)
    add = torch.randn(5, 3, dtype=dtype)
    torch.testing.assert_close(matrix.matmul_into(h, out, add), dense @ h + add)
    g = torch.randn(5, 3, dtype=dtype)
    torch.testing.assert_close(matrix.transposed.matmul(g), dense.t() @ g)


def test_other_values():
    matrix, _ = example()
    value = torch.randn(6, dtype=torch.float64)
    dense = torch.zeros(5, 4, dtype=torch.float64)
    for r, c, v in zip(matrix.rows.tolist(), matrix.index.tolist(), value.tolist()):
        dense[r, c] += v
    eye = torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(matrix.with_value(value).matmul(eye[:4, :4]), dense)
    torch.testing.assert_close(matrix.transposed_with(value).matmul(eye), dense.t())


def test_from_torch_and_empty():
    dense = torch.tensor([[0.0, 2, 0], [0, 0, 0], [1, 0, 3]])
    matrix = CSR.from_torch(dense.to_sparse_csr())
    torch.testing.assert_close(matrix.matmul(torch.eye(3)), dense)
    none = torch.zeros(0, dtype=torch.long)
    empty = CSR.from_coo(none, none, torch.zeros(0), (3, 2))
    assert not bool(empty.matmul(torch.ones(2, 4)).any())
    assert not bool(empty.transposed.matmul(torch.ones(3, 4)).any())
