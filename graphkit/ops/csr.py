"""A sparse matrix by rows, ready to be multiplied often: graphs and bag-of-words features.

Multiplication is torch's own (MKL on the CPU, cuSPARSE on a GPU), with int32 indices, which both
take without a copy. The transposed matrix is sorted once, on first use, and kept.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["CSR"]


@dataclass(frozen=True, eq=False)
class CSR:
    """A sparse matrix in compressed rows; entries of one place add up.

    Attributes:
        indptr: int32 ``[rows + 1]``.
        index: int32 ``[nnz]``, the columns of the entries.
        value: float32 or float64 ``[nnz]``.
        shape: ``(rows, columns)``.
    """

    indptr: Tensor
    index: Tensor
    value: Tensor
    shape: tuple[int, int]

    @classmethod
    def from_coo(cls, row: Tensor, column: Tensor, value: Tensor, shape: tuple[int, int]) -> CSR:
        """From int64 ``row``, ``column`` ``[nnz]`` in any order; equal rows keep their order.

        Raises:
            GraphError: An index lies outside of ``shape``, which no kernel would notice.
        """
        for name, ids, size in (("row", row, shape[0]), ("column", column, shape[1])):
            _check(name, ids, size)
        indptr, order = _by_row(row, shape[0])
        return cls(indptr, column[order].int(), value[order], shape)

    @classmethod
    def from_torch(cls, matrix: Tensor) -> CSR:
        """From a torch sparse CSR tensor (whose indices torch has checked)."""
        index = matrix.col_indices().int()
        return cls(matrix.crow_indices().int(), index, matrix.values(), tuple(matrix.shape))

    def with_value(self, value: Tensor) -> CSR:
        """The same pattern with other values, in the order of :attr:`value`."""
        return CSR(self.indptr, self.index, value, self.shape)

    def matmul(self, dense: Tensor) -> Tensor:
        """The product ``[rows, w]`` with a dense matrix ``[columns, w]`` of the same dtype."""
        return self._matrix @ dense

    def matmul_into(self, dense: Tensor, out: Tensor, add: Tensor | None = None) -> Tensor:
        """The product, and ``add`` ``[rows, w]`` if given, written to ``out`` ``[rows, w]``."""
        if add is None:
            return torch.addmm(out, self._matrix, dense, beta=0, out=out)  # whatever is in out
        return torch.addmm(add, self._matrix, dense, out=out)

    @functools.cached_property
    def rows(self) -> Tensor:
        """int64 ``[nnz]``, the row of every entry."""
        every = torch.arange(self.shape[0], device=self.index.device)
        return every.repeat_interleave((self.indptr[1:] - self.indptr[:-1]).long())

    @functools.cached_property
    def transposed_order(self) -> Tensor:
        """int64 ``[nnz]``: entry ``i`` of the transposed matrix is this entry here."""
        return torch.argsort(self.index, stable=True)

    @functools.cached_property
    def transposed(self) -> CSR:
        """The transposed matrix."""
        return self.transposed_with(self.value)

    def transposed_with(self, value: Tensor) -> CSR:
        """The transposed pattern with other values, in the order of :attr:`value` here."""
        order = self.transposed_order
        return CSR(*self._transposed_pattern, value[order], (self.shape[1], self.shape[0]))

    @functools.cached_property
    def _transposed_pattern(self) -> tuple[Tensor, Tensor]:
        counts = torch.bincount(self.index, minlength=self.shape[1])
        return _indptr(counts), self.rows[self.transposed_order].int()

    @functools.cached_property
    def _matrix(self) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
            return torch.sparse_csr_tensor(
                self.indptr, self.index, self.value, self.shape, check_invariants=False
            )


def _by_row(row: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    order = torch.argsort(row, stable=True)
    return _indptr(torch.bincount(row, minlength=rows)), order


def _indptr(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int()


def _check(name: str, ids: Tensor, size: int) -> None:
    if ids.numel() == 0:
        return
    low, high = torch.aminmax(ids)
    if int(low) < 0 or int(high) >= size:
        row = int(((ids < 0) | (ids >= size)).nonzero()[0])
        raise GraphError(
            f"{name} index",
            "no such node",
            row=row,
            expected=f"0 <= index < {size}",
            got=int(ids[row]),
        )
