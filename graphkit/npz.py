"""Files of numpy arrays (``.npz``) that are checked when they are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphkit.errors import GraphError

__all__ = ["read_npz"]


def read_npz(
    path: str | os.PathLike[str], names: Sequence[str], *, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read arrays of an ``.npz`` file. No code in it is executed: object arrays are refused.

    Args:
        path: Path of the file.
        names: Names of the required arrays.
        optional: Names of the optional arrays.

    Returns:
        The arrays of ``names``, and those arrays of ``optional`` that are in the file.

    Raises:
        FileNotFoundError: There is no such file.
        GraphError: The file is damaged, is not an ``.npz`` file, or lacks an array. The message
            names the file.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            there = list(file.files)
            missing = [name for name in names if name not in there]
            wanted = [*names, *(name for name in optional if name in there)]
            found = {} if missing else {name: file[name] for name in wanted}
    except FileNotFoundError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise different errors
        raise GraphError(
            path.name,
            f"'{path}' cannot be read ({error})",
            expected=f"an .npz file with {', '.join(names)}",
            fix="Get the file again.",
        ) from error
    if missing:
        raise GraphError(
            path.name,
            f"'{path}' holds no {', '.join(missing)}",
            expected=f"an .npz file with {', '.join(names)}",
            got=", ".join(there) or "nothing",
        )
    broken = [name for name, array in found.items() if not isinstance(array, np.ndarray)]
    if broken:  # numpy returns content without an array header as bytes
        raise GraphError(
            path.name, f"'{path}' is damaged: {broken[0]} is no array", fix="Get the file again."
        )
    return found
