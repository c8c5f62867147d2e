"""What a model answers to a query, beside what was asked for: the one type that tasks exchange."""

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
    """Predictions of a model and what they are compared with; row i belongs to query i.

    Each field keeps its own dtype: a class id is never stored among logits, where a narrow
    floating point type would round it. What the columns mean is said by the task's ``score``.

    Attributes:
        prediction: Float ``[Q, ...]``, such as logits ``[Q, C]`` or forecasts ``[Q, T, N, C']``.
        target: ``[Q, ...]``, the truth: class ids int64 ``[Q]``, or values of the shape of the
            predictions; ``None`` where the truth is not known, or where the predictions are
            statistics in which it is already contained.
        mask: bool of the shape of ``target``, true where the target is known; ``None`` means
            everywhere.
        group: int64 ``[Q]``, what a row belongs to, such as its recording or its step.

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
        """Some of the rows: a slice, a bool mask or int64 row numbers."""
        return self._each(lambda value: value[rows])

    def detach(self) -> Answer:
        """The same answer, cut off from the gradient."""
        return self._each(Tensor.detach)

    def to(self, device: torch.device | str) -> Answer:
        """The answer on a device."""
        return self._each(lambda value: value.to(device))

    @staticmethod
    def cat(answers: Answer | Sequence[Answer]) -> Answer:
        """Answers one after the other as one; a single answer is returned as it is.

        Args:
            answers: One answer, or a sequence of them whose fields have equal shapes but for the
                number of rows.

        Raises:
            GraphError: There is no answer, or a field is present in some of them only.
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
