"""The model and the task of a finished run, from which its result builds a predictor."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.engine.predictor import Predictor

__all__ = ["Fitted"]


class Fitted:
    """A fitted model, in the state after the test, with its task.

    Args:
        model: The model. It is copied only when a predictor is created.
        task: The task that the model was fitted to.
        batch_size: Batch size of the run.
    """

    def __init__(self, model: nn.Module, task: Any, batch_size: int) -> None:
        self._model, self._task, self._batch_size = model, task, batch_size
        self._marks = _marks(model)

    def predictor(self) -> Predictor:
        """Return a predictor with the state of the model at the end of the run.

        Raises:
            GraphError: The model has been changed since the end of the run.
        """
        from graphkit.engine.predictor import Predictor

        if _marks(self._model) != self._marks:
            raise GraphError(
                "predictor",
                "the model has changed since the run: it was evaluated, trained or moved",
                fix="Take result.predictor first, or make one of the present state: "
                "graphkit.Predictor(model, task).",
            )
        return Predictor(self._model, self._task, self._batch_size)


def _marks(model: nn.Module) -> list[tuple[Any, ...]]:
    """Values that change with every write to a parameter or a buffer.

    Writes through ``.data`` or NumPy, which torch does not count, are detected by the content. The
    content of frozen parameters, which may belong to a large backbone, is not read.
    """
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    named = (*model.named_parameters(), *model.named_buffers())
    return [
        (name, value.data_ptr(), value._version, None if name in frozen else _checksum(value))
        for name, value in named
    ]


def _checksum(value: Tensor) -> int:
    content = value.detach().cpu().contiguous().reshape(-1)
    return zlib.crc32(content.view(torch.uint8).numpy()) if content.numel() else 0
