"""A constant sparse matrix times a dense one, forward and backward."""

import torch

from graphkit.ops.csr import CSR
from graphkit.ops.csr_matmul import csr_matmul


def test_product_and_gradient():
    torch.manual_seed(0)
    row, column = torch.randint(4, (9,)), torch.randint(6, (9,))  # some places occur twice
    value = torch.randn(9, dtype=torch.float64)
    dense = torch.zeros(4, 6, dtype=torch.float64).index_put((row, column), value, accumulate=True)
    matrix = CSR.from_coo(row, column, value, (4, 6))
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(csr_matmul(matrix, x), dense @ x)
    assert torch.autograd.gradcheck(lambda x: csr_matmul(matrix, x), (x,))
    csr_matmul(matrix, x).t().contiguous().sum().backward()  # a gradient that is not contiguous
    torch.testing.assert_close(x.grad, dense.t() @ torch.ones(4, 3, dtype=torch.float64))


def test_half_precision_is_computed_in_that_of_the_matrix():
    matrix = CSR.from_coo(torch.tensor([0]), torch.tensor([1]), torch.ones(1), (1, 2))
    assert csr_matmul(matrix, torch.ones(2, 1, dtype=torch.bfloat16)).dtype == torch.float32
