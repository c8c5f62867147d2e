"""Collects the answers to all queries of a split, batch by batch and from all processes."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.engine.runtime import Runtime
from graphkit.tasks.answer import FIELDS, Answer

__all__ = ["Collector"]

# Processes exchange the dtype of a field as its position in this list.
_DTYPES = (
    torch.float32, torch.float64, torch.int64, torch.bool, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.float16, torch.bfloat16,
)  # fmt: skip
_MOST_AXES = 7  # largest number of axes of a field


class Collector:
    """Buffers for the answers to a known number of queries, filled in any order.

    Predictions are stored as float32, or as float64 if they are float64; the other fields keep
    their dtypes.

    Args:
        num_queries: Total number of rows.
    """

    def __init__(self, num_queries: int) -> None:
        self.num_queries = num_queries
        self._room: dict[str, Tensor] = {}

    def add(self, first: int, answer: Answer) -> None:
        """Store an answer in rows ``first``, ``first + 1``, ..."""
        last = first + len(answer)
        for name in FIELDS:
            value = getattr(answer, name)
            if value is None:
                continue
            room = self._room.get(name)
            if room is None:
                dtype = value.dtype
                if name == "prediction" and dtype != torch.float64:
                    dtype = torch.float32
                room = self._empty(value.shape[1:], dtype, value.device)
                self._room[name] = room
            room[first:last] = value

    def answer(self, runtime: Runtime) -> Answer | None:
        """Return all rows, equal in every process; ``None`` if there is no query."""
        if self.num_queries == 0:
            return None
        if runtime.world > 1:
            self._gather(runtime)
        return Answer(**self._room) if self._room else None

    def _empty(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
        return torch.zeros((self.num_queries, *shape), dtype=dtype, device=device)

    def _gather(self, runtime: Runtime) -> None:
        """Sum the buffers of all processes: each has zeros in the rows of the others.

        A process without rows receives the names and dtypes of the fields from the others.
        """
        told = torch.zeros(len(FIELDS), 2 + _MOST_AXES, dtype=torch.int64, device=runtime.device)
        for row, name in zip(told, FIELDS):
            room = self._room.get(name)
            if room is not None:
                sizes = (1 + _DTYPES.index(room.dtype), room.dim() - 1, *room.shape[1:])
                row[: len(sizes)] = torch.tensor(sizes)
        torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
        for name, (dtype, axes, *sizes) in zip(FIELDS, told.tolist()):
            if not dtype:
                continue
            if name not in self._room:
                shape = tuple(sizes[:axes])
                self._room[name] = self._empty(shape, _DTYPES[dtype - 1], runtime.device)
            room = self._room[name]
            if room.dtype == torch.bool:  # collectives sum numbers only
                self._room[name] = runtime.sum_(room.to(torch.uint8)).bool()
            else:
                runtime.sum_(room)
