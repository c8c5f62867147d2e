"""Features of the events to which the state of a stream model refers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.stream.table_rows import grow_rows

__all__ = ["EventFeatures", "refuse_feature_table"]

_FEW = 4096  # below this number of rows, unused rows are not searched for
_SPREAD = 32  # binary search if the range of numbers exceeds this multiple of the rows


def refuse_feature_table(edge_attr: object) -> None:
    """Raise an error for ``edge_attr=``, the table of all features that models took formerly.

    Raises:
        GraphError: ``edge_attr`` is not ``None``.
    """
    if edge_attr is not None:
        raise GraphError(
            "edge_attr",
            "a model takes no table of features: those of an event come with the event",
            expected="edge_dim, the number of features per event",
            fix="Make the model with edge_dim=edge_attr.shape[1], or with from_graph; "
            "batch.edge_attr is read.",
        )


class EventFeatures(nn.Module):
    r"""Features by event number, kept for as long as a model refers to the event.

    Rows are appended as the stream proceeds. When the buffer is full, rows to which the model no
    longer refers are dropped, and the buffer doubles only if the remaining rows require it.
    Appending is therefore amortised :math:`O(1)` per event, and the memory is proportional to the
    events in use, not to the length of the stream. A look-up is a subtraction as long as the
    numbers have no gaps, a table otherwise, and a binary search if the numbers are very sparse. A
    state dict contains only the events in use; state dicts of any length can be loaded.

    Args:
        channels: Number of features per event, :math:`F`.
        referred: Function that returns the numbers of all events to which the model refers, int64
            of any shape, in any order and with repeats; negative numbers are ignored. Usually a
            method of the model.

    Shapes:
        - **input:** event numbers :math:`(\ldots)`
        - **output:** :math:`(\ldots, F)`
    """

    number: Tensor
    value: Tensor
    place: Tensor | None

    def __init__(self, channels: int, referred: Callable[[], Tensor]) -> None:
        super().__init__()
        if channels < 1:
            raise GraphError("edge_dim", "is too small", expected=">= 1", got=channels)
        self.channels = channels
        self._referred = referred
        self.register_buffer("number", torch.empty(0, dtype=torch.int64))  # ascending
        self.register_buffer("value", torch.empty(0, channels))
        # With gaps: the row of each number from the first one held to the last; derived.
        self.register_buffer("place", None, persistent=False)
        self._gaps = False
        # Numbers held, and the next one if it is known: without waiting for the device.
        self._first, self._last = 0, -1
        self._next: int | None = None
        self._next_look = _FEW

    def __len__(self) -> int:
        return self.number.shape[0]

    def reset_state(self) -> None:
        """Reset the state by removing all features; the memory is kept for the next pass."""
        with torch.inference_mode(False):
            self.number, self.value = self.number[:0], self.value[:0]
        self._gaps, self.place, self._next_look, self._next = False, None, _FEW, None

    def forward(self, number: Tensor, ahead: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Look up features by event number.

        Numbers that are not stored, such as padding, give arbitrary finite values.

        Args:
            number: Event numbers, int64 ``[...]``.
            ahead: Events that have not been appended yet, as the number of the first one
                (0-dimensional) and the features ``[B, F]`` in the order of their numbers.
        """
        flat = number.reshape(-1)
        if len(self):
            found = self.value.index_select(0, self._rows(flat))
        else:
            found = self.value.new_zeros(flat.shape[0], self.channels)
        if ahead is not None and ahead[1].shape[0]:
            first, rows = ahead
            step = flat - first
            new = rows.to(found.dtype).index_select(0, step.clamp(0, rows.shape[0] - 1))
            found = torch.where((step >= 0).unsqueeze(1), new, found)
        return found.view(*number.shape, self.channels)

    @torch.no_grad()
    def append(self, number: Tensor, value: Tensor) -> None:
        """Append the features of the next events.

        Args:
            number: Event numbers, int64 ``[B]``, consecutive and above all stored numbers.
            value: Features ``[B, F]``.
        """
        added = number.shape[0]
        if added == 0:
            return
        if len(self) + added > self._room() and len(self) >= self._next_look:
            self._drop()
        held = len(self)
        self.number = grow_rows(self.number, held + added, fill=None)
        self.value = grow_rows(self.value, held + added, fill=None)
        self.number[held:] = number
        self.value[held:] = value
        if self._next is None or held == 0:
            self._index()
            self._next = self._last + 1
            return
        gap = self._next > self._last + 1  # the latest ones had been dropped
        self._next += added
        self._last = self._next - 1
        if self.place is not None:
            span = self._next - self._first
            self.place = grow_rows(self.place, span)
            self.place[span - added :] = torch.arange(held, held + added, device=number.device)
        elif gap and not self._gaps:
            self._index()

    @torch.no_grad()
    def compact(self) -> None:
        """Remove unused rows and spare memory; results do not change."""
        self._drop()
        with torch.inference_mode(False):
            if self._room() > len(self):
                self.number, self.value = self.number.clone(), self.value.clone()

    def _room(self) -> int:
        """Number of rows for which the buffer has memory."""
        return self.number.untyped_storage().nbytes() // self.number.element_size()

    def _rows(self, number: Tensor) -> Tensor:
        """The row of each number; an arbitrary row for a number that is not stored."""
        if self._gaps and self.place is None:
            row = torch.searchsorted(self.number, number)
        else:
            row = number - self._first
            if self.place is not None:
                row = self.place.index_select(0, row.clamp_(0, self.place.shape[0] - 1))
        return row.clamp_(0, len(self) - 1)

    def _drop(self) -> None:
        """Move the rows in use to the beginning of the same memory, and drop all others."""
        if len(self) == 0:
            return
        referred = self._referred().reshape(-1)
        held = (referred >= self._first) & (referred <= self._last)
        kept = torch.zeros_like(self.number, dtype=torch.bool)
        kept[self._rows(referred[held])] = True
        rows = kept.nonzero().flatten()
        with torch.inference_mode(False):
            if rows.numel() < len(self):
                number, value = self.number[rows], self.value[rows]
                self.number, self.value = self.number[: rows.numel()], self.value[: rows.numel()]
                self.number.copy_(number)
                self.value.copy_(value)
                self._index()
        # The cost of the next search is amortised over the events appended until then.
        self._next_look = len(self) + max(_FEW, len(self), referred.numel() // 16)

    def _index(self) -> None:
        """Detect gaps between numbers, and build the table of rows if there are any."""
        self._gaps, self.place = False, None
        if len(self) == 0:
            return
        self._first, self._last = int(self.number[0]), int(self.number[-1])
        span = self._last - self._first + 1
        self._gaps = span > len(self)
        if self._gaps and span <= _SPREAD * max(len(self), _FEW):
            self.place = torch.zeros(span, dtype=torch.int32, device=self.number.device)
            row = torch.arange(len(self), dtype=torch.int32, device=self.number.device)
            self.place[self.number - self._first] = row

    def _save_to_state_dict(self, *args: Any) -> None:
        self.compact()
        super()._save_to_state_dict(*args)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}number")
        if isinstance(saved, Tensor):
            with torch.inference_mode(False):
                self.number = self.number.new_zeros(saved.shape)
                self.value = self.value.new_zeros(saved.shape[0], self.channels)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._next_look, self._next = len(self) + max(_FEW, len(self)), None
        self._index()

    def extra_repr(self) -> str:
        return f"channels={self.channels}"
