"""Predictions of a model with their targets: the common return type of ``score`` in all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["Answer"]


@dataclass(frozen=True)
class Answer:
    """Predictions of a model and their targets; row i belongs to query i.

    Each field keeps its own dtype: class ids are not stored together with logits, because a narrow
    floating point type would round them. The meaning of the columns is documented in the ``score``
    method of each task.

    Attributes:
        prediction: Float ``[Q, ...]``, such as logits ``[Q, C]`` or forecasts ``[Q, T, N, C']``.
        target: Targets ``[Q, ...]``: class ids int64 ``[Q]``, or values of the shape of the
            predictions; ``None`` if the targets are unknown or the predictions are statistics that
            already include them.
        mask: Boolean mask of the shape of ``target``, true where the target is known; ``None`` if
            all targets are known.
        group: Group of each row, such as its recording or its step, int64 ``[Q]``.

    Raises:
        GraphError: A field has another number of rows than ``prediction``.

    Example:
        >>> answer = Answer(torch.randn(4, 3), torch.tensor([0, 2, 1, 1]))
        >>> len(answer), len(answer[:2]), len(Answer.cat([answer, answer]))
        (4, 2, 8)
    """

    prediction: Tensor
    target: Tensor | None = None
    mask: Tensor | None = None
    group: Tensor | None = None

    def __post_init__(self) -> None:
        rows = self.prediction.shape[0]
        for name in ("target", "mask", "group"):
            value = getattr(self, name)
            if value is not None and value.shape[0] != rows:
                raise GraphError(
                    name,
                    "an answer has one row for each query in every field",
                    expected=f"{rows} rows, as prediction has",
                    got=value.shape[0],
                )

    def __len__(self) -> int:
        return self.prediction.shape[0]

    def __getitem__(self, rows: slice | Tensor) -> Answer:
        """Select rows by a slice, a boolean mask or int64 row numbers."""
        return self._each(lambda value: value[rows])

    def detach(self) -> Answer:
        """Return the answer detached from the autograd graph."""
        return self._each(Tensor.detach)

    def to(self, device: torch.device | str) -> Answer:
        """Return the answer on a device."""
        return self._each(lambda value: value.to(device))

    @staticmethod
    def cat(answers: Answer | Sequence[Answer]) -> Answer:
        """Concatenate answers along the rows; a single answer is returned unchanged.

        Args:
            answers: One answer, or a sequence of answers whose fields have equal shapes except for
                the number of rows.

        Raises:
            GraphError: There is no answer, or a field is present in only some of them.
        """
        if isinstance(answers, Answer):
            return answers
        if not answers:
            raise GraphError("answers", "there is none", expected="at least one Answer")
        if len(answers) == 1:
            return answers[0]
        joined = {}
        for name in FIELDS:
            values = [getattr(answer, name) for answer in answers]
            present = [value for value in values if value is not None]
            if present and len(present) < len(values):
                raise GraphError(
                    name,
                    "a field is present in some answers only",
                    expected="in all of them or in none",
                    got=f"{len(present)} of {len(values)}",
                )
            joined[name] = torch.cat(present) if present else None
        return Answer(**joined)

    def _each(self, change: Any) -> Answer:
        values = (getattr(self, name) for name in FIELDS)
        return Answer(*(None if value is None else change(value) for value in values))


FIELDS = tuple(field.name for field in fields(Answer))
"""Names of the fields of an :class:`Answer`, in order."""
