"""A sparse matrix that stays as it is, times a dense one that learns."""

from graphkit.ops.csr_matmul.op import csr_matmul

__all__ = ["csr_matmul"]
