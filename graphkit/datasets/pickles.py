"""Pickles of data sets, opened without letting them run code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from graphkit.datasets.files import mend, open_data
from graphkit.errors import GraphError

__all__ = ["read_pickle"]

_CLASSES = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("scipy.sparse", "csr_matrix"),
        ("collections", "defaultdict"),
        ("builtins", "list"),
    }
)


def read_pickle(path: Path) -> Any:
    """What a pickle of arrays, SciPy's matrices and plain containers holds, and nothing else.

    Pickles of Python 2 are read too (its strings as Latin-1).

    Raises:
        GraphError: The file is broken, or it names a class that has no place in data.
    """
    try:
        with open_data(path) as handle:
            return _Pickle(io.BytesIO(handle.read()), encoding="latin1").load()
    except GraphError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything
        raise GraphError(
            path.name, f"cannot be read ({error})", expected="a pickle of arrays", fix=mend(path)
        ) from error


class _Pickle(pickle.Unpickler):
    """Builds what is in ``_CLASSES``."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            from numpy._core import multiarray

            if name in ("_reconstruct", "scalar"):
                return getattr(multiarray, name)
        module = {"__builtin__": "builtins", "scipy.sparse.csr": "scipy.sparse"}.get(module, module)
        if (module, name) not in _CLASSES:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in this file")
        return super().find_class(module, name)
