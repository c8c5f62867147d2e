"""Conversion of lists, arrays, DataFrame columns and tensors to checked tensors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = [
    "as_features",
    "as_ids",
    "as_labels",
    "as_tensor",
    "as_times",
    "as_types",
    "check_finite",
    "check_ids",
    "check_length",
    "first_row",
    "label_array",
]

_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)  # torch has few operations for them


def as_ids(value: Any, column: str, *, own: bool = False) -> Tensor:
    """Node ids as an int64 vector; with ``own`` in memory that the caller cannot write to."""
    value = as_tensor(value, column, own=own)
    if value.dim() != 1:
        raise GraphError(
            column,
            "ids form one column",
            expected="shape [E]",
            got=f"shape {list(value.shape)}",
            fix="Pass one id per row; pass edge_index as src=edge_index[0], dst=edge_index[1]."
            if value.dim() == 2
            else None,
        )
    if value.dtype == torch.bool:
        raise GraphError(
            column,
            "truth values are not node ids",
            expected="integers",
            got="bool",
            fix="Turn a mask into ids with mask.nonzero().",
        )
    if value.is_floating_point():
        _check_whole(value, column)
    return value.to(torch.int64).contiguous()


def as_times(value: Any, column: str, *, own: bool = False) -> Tensor:
    """Times as an int64 or float64 vector; finite. ``own`` as in :func:`as_ids`."""
    value = as_tensor(value, column, own=own)
    if value.dim() != 1:
        raise GraphError(
            column,
            "times form one column",
            expected="shape [E]",
            got=f"shape {list(value.shape)}",
        )
    if value.dtype == torch.bool:
        raise GraphError(column, "truth values are not times", expected="numbers", got="bool")
    if not value.is_floating_point():
        return value.to(torch.int64).contiguous()
    finite = torch.isfinite(value)
    if not bool(finite.all()):
        row = first_row(~finite)
        raise GraphError(
            column,
            "a time is not finite",
            row=row,
            expected="a finite number",
            got=value[row].item(),
            fix="Drop or mend these rows.",
        )
    if value.dtype != torch.float64:
        coarse = value.abs() >= _first_gap(value.dtype)
        if bool(coarse.any()):
            row = first_row(coarse)
            raise GraphError(
                column,
                f"{value.dtype} cannot tell such times apart",
                row=row,
                expected="int64 or float64",
                got=f"{value[row].item():.0f}",
                fix="Read the times again from their source as int64 or float64.",
            )
    return value.to(torch.float64).contiguous()


def as_features(value: Any, column: str, rows: int, like: str) -> Tensor | None:
    """A feature or label column as a tensor of ``rows`` finite rows, or ``None``."""
    if value is None:
        return None
    value = as_tensor(value, column)
    check_length(column, value.shape[0] if value.dim() else 0, rows, like)
    if value.is_floating_point():
        check_finite(value, column)
    return value.contiguous()


def check_finite(value: Tensor, column: str) -> None:
    """Raise an error with row and position if a number is NaN or infinite.

    Args:
        value: Floating point ``[rows, ...]``.
        column: Name of the column, used in the message.
    """
    bad = ~torch.isfinite(value)
    if not bool(bad.any()):
        return
    row, *place = bad.nonzero()[0].tolist()
    got = value[(row, *place)].item()
    missing = got != got
    raise GraphError(
        column,
        "a value is NaN" if missing else "a value is infinite",
        row=row,
        expected="finite numbers",
        got=f"{got} in column {', '.join(map(str, place))}" if place else str(got),
        fix="Fill or drop missing values first."
        if missing
        else "Clip or drop such rows: an overflow or a division by zero made them.",
    )


def as_types(value: Any, column: str, rows: int, like: str) -> Tensor | None:
    """Types of edges or nodes as an int64 vector, or ``None``."""
    if value is None:
        return None
    value = as_tensor(value, column)
    check_length(column, value.shape[0] if value.dim() else 0, rows, like)
    if value.dim() != 1:
        raise GraphError(
            column, "types form one column", expected=f"shape [{rows}]", got=list(value.shape)
        )
    if value.is_floating_point():
        _check_whole(value, column, "a type is not an integer")
    return value.to(torch.int64).contiguous()


def as_labels(value: Any, column: str, rows: int, space: Tensor | None = None) -> np.ndarray:
    """Names of the nodes as a read-only vector without repetitions (within each id space)."""
    if isinstance(value, Iterator):
        value = list(value)
    labels = label_array(value) if isinstance(value, (list, tuple)) else np.array(value)
    if labels.ndim != 1:
        raise GraphError(
            column,
            "names form one column",
            expected=f"shape [{rows}]",
            got=f"shape {list(labels.shape)}",
            fix="Give one string, number or tuple per node.",
        )
    check_length(column, len(labels), rows, "num_nodes")
    seen: tuple[dict[Any, int], ...] = ({}, {})
    sides = [0] * rows if space is None else space.int().tolist()
    for row, label in enumerate(labels.tolist()):
        try:
            first = seen[sides[row]].setdefault(label, row)
        except TypeError:
            raise GraphError(
                column, "a name is not hashable", row=row, got=repr(label), fix="Use a tuple."
            ) from None
        if first != row:
            raise GraphError(
                column,
                f"a name is used twice, first in row {first}",
                row=row,
                got=repr(label),
                fix="Give every node its own name.",
            )
    labels.flags.writeable = False
    return labels


def label_array(items: list[Any] | tuple[Any, ...]) -> np.ndarray:
    """Labels as an array that preserves each label and its type exactly."""
    plain = (np.number, np.str_)
    items = [item.item() if isinstance(item, plain) else item for item in items]
    kinds = {type(item) for item in items}
    if kinds == {str} and any(item.endswith("\0") for item in items):
        return _objects(items)  # numpy's own strings lose a trailing NUL
    if kinds == {int}:  # numpy would take some for floats
        low, high = min(items), max(items)
        if low < -(2**63) or high >= 2**64 or (low < 0 and high >= 2**63):
            return _objects(items)
        return np.array(items, dtype=np.int64 if high < 2**63 else np.uint64)
    # numpy would convert several types to one, such as numbers among strings to strings.
    return _objects(items) if len(kinds) != 1 or kinds == {tuple} else np.array(items)


def _objects(values: list[Any] | tuple[Any, ...]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = value
    return array


def check_ids(
    ids: Tensor,
    column: str,
    num_nodes: int,
    fix: str = "Raise num_nodes, or leave it out to infer it.",
) -> None:
    """Raise an error if an id is negative or not below ``num_nodes``.

    Args:
        ids: int64 ``[E]``.
        column: Name of the column, used in the message.
        num_nodes: Number of nodes.
        fix: Advice in the message about an id that is too large.
    """
    if ids.numel() == 0:
        return
    low, high = torch.aminmax(ids)
    if low < 0:
        row = first_row(ids < 0)
        raise GraphError(
            column,
            "a node id is negative",
            row=row,
            expected="ids from 0",
            got=ids[row].item(),
            fix="Map labels to ids with TemporalGraph.from_pandas(ids='number').",
        )
    if high >= num_nodes:
        row = first_row(ids >= num_nodes)
        raise GraphError(
            column,
            "a node id is too large",
            row=row,
            expected=f"below num_nodes={num_nodes}",
            got=ids[row].item(),
            fix=fix,
        )


def check_length(column: str, got: int, expected: int, like: str) -> None:
    """Raise an error if the number of rows differs from that of the column ``like``."""
    if got != expected:
        per = "node" if like == "num_nodes" else "event"
        raise GraphError(
            column,
            "the number of rows differs",
            expected=f"{like}={expected}" if per == "node" else f"{expected} as in '{like}'",
            got=got,
            fix=f"Give the column one row per {per}.",
        )


def first_row(mask: Tensor) -> int:
    """Position of the first true entry."""
    return int(mask.nonzero()[0, 0])


def as_tensor(value: Any, column: str, *, own: bool = False) -> Tensor:
    """Numbers of any origin as a tensor, sharing memory where it can (unless ``own``)."""
    if isinstance(value, Tensor):
        if value.layout != torch.strided:
            raise GraphError(
                column, "a sparse tensor is not a column", got=value.layout, fix="Use .to_dense()."
            )
        tensor = value.detach()
        if tensor.dtype in _UNSIGNED:
            tensor = torch.from_numpy(_as_array(tensor.cpu().numpy(), column)).to(value.device)
        elif own:
            tensor = tensor.clone()
    else:
        array = _as_array(value, column)
        if own and not isinstance(value, (list, tuple)) and not _is_mapped(array):
            array = array.copy()
        with warnings.catch_warnings():  # a read-only memory map, which is never written to
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            tensor = torch.from_numpy(array)
    if tensor.is_complex():
        raise GraphError(column, "complex numbers are not supported", got=str(tensor.dtype))
    return tensor


def _as_array(value: Any, column: str) -> np.ndarray:
    """An array of a dtype and a memory layout that torch supports."""
    given = value
    if isinstance(value, Iterator):
        value = list(value)
    if isinstance(value, np.ma.MaskedArray) and value.mask.any():
        rows = np.ma.getmaskarray(value).reshape(len(value), -1).any(axis=1)
        raise GraphError(
            column, "a value is masked", row=int(rows.argmax()), fix="Fill or drop it first."
        )
    if hasattr(value, "to_numpy"):  # pandas and its like
        value = value.to_numpy()
    try:
        array = np.asarray(value)
        if array.dtype.kind in "US" and isinstance(value, (list, tuple)):
            array = np.asarray(value, dtype=object)  # numpy converted numbers among text to text
    except (ValueError, TypeError, RuntimeError) as error:
        raise GraphError(
            column,
            "the rows do not form an array",
            got=str(error).rstrip("."),
            fix="Give rows of one length.",
        ) from error
    if array.dtype == object and array.ndim:
        array = _numbers_of_objects(array, column)
    if array.dtype.kind not in "biuf":
        text = array.dtype.kind in "US" and array.size > 0
        kind = type(given).__name__
        raise GraphError(
            column,
            "values are not numbers",
            row=0 if text and array.ndim else None,
            expected="numbers",
            got=repr(array.item(0))
            if text
            else (kind if array.dtype == object else f"{kind} of {array.dtype}"),
            fix="Pass a list, an array or a tensor."
            if array.dtype == object
            else "Encode categories as integers; map labels and dates with "
            "TemporalGraph.from_pandas.",
        )
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        if array.dtype.itemsize == 8 and array.size and array.max() > np.iinfo(np.int64).max:
            large = (array > np.iinfo(np.int64).max).reshape(len(array), -1).any(axis=1)
            raise GraphError(
                column,
                "a value does not fit in int64",
                row=int(large.argmax()),
                expected=f"at most {np.iinfo(np.int64).max}",
                got=int(array.max()),
            )
        array = array.astype(np.int64)
    if array.dtype.itemsize > 8:  # long double
        array = array.astype(np.float64)
    array = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
    if not array.flags.writeable and not _is_mapped(array):
        array = array.copy()
    return array


def _numbers_of_objects(array: np.ndarray, column: str) -> np.ndarray:
    """Python numbers in an object array as an array of numbers; anything else is refused."""
    kinds = {type(item) for item in array.flat}
    for kind in kinds:
        if not issubclass(kind, (Real, np.bool_)):
            place = next(i for i, item in enumerate(array.flat) if type(item) is kind)
            raise GraphError(
                column,
                "a value is missing"
                if kind.__name__ in ("NoneType", "NAType", "NaTType")
                else "values are not numbers",
                row=place // max(array.size // len(array), 1),
                expected="numbers",
                got=repr(array.flat[place]),
                fix="Drop or fill rows with missing values; encode categories as integers; map "
                "labels and dates with TemporalGraph.from_pandas.",
            )
    if all(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return array.astype(bool)
    if all(issubclass(kind, (Integral, np.bool_)) for kind in kinds):
        limits = np.iinfo(np.int64)
        for place, item in enumerate(array.flat):
            if not limits.min <= item <= limits.max:
                raise GraphError(
                    column,
                    "a value does not fit in int64",
                    row=place // max(array.size // len(array), 1),
                    expected=f"{limits.min}..{limits.max}",
                    got=item,
                )
        return array.astype(np.int64)
    return array.astype(np.float64)


def _is_mapped(array: Any) -> bool:
    """Whether an array lies in a memory-mapped file, which is too large to copy."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def _check_whole(value: Tensor, column: str, problem: str = "a node id is not an integer") -> None:
    whole = value == value.floor()  # false for NaN
    if not bool(whole.all()):
        row = first_row(~whole)
        raise GraphError(
            column,
            problem,
            row=row,
            expected="integers",
            got=value[row].item(),
            fix="Drop rows with missing ids; map labels with TemporalGraph.from_pandas.",
        )
    coarse = value.abs() >= _first_gap(value.dtype)
    if bool(coarse.any()):
        row = first_row(coarse)
        raise GraphError(
            column,
            f"{value.dtype} does not hold integers of this size exactly",
            row=row,
            expected="int64",
            got=value[row].item(),
            fix="Read the column again from its source as int64.",
        )


def _first_gap(dtype: torch.dtype) -> float:
    """The number from which on a float type skips integers: 2**24 for float32."""
    return 2 / torch.finfo(dtype).eps
