"""The model and the task of a finished run, for the predictor that its result offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.engine.predictor import Predictor

__all__ = ["Fitted"]


class Fitted:
    """What a run leaves behind: a model in the state after the test.

    Args:
        model: The model. It is not copied before a predictor is asked for.
        task: The task that it was fitted to.
        batch_size: That of the run.
    """

    def __init__(self, model: nn.Module, task: Any, batch_size: int) -> None:
        self._model, self._task, self._batch_size = model, task, batch_size
        self._marks = _marks(model)

    def predictor(self) -> Predictor:
        """A predictor with the model's state at the end of the run.

        Raises:
            GraphError: The model has been changed since.
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


def _marks(model: nn.Module) -> list[tuple[str, int, int]]:
    """Changes with every write to a parameter or a buffer."""
    named = (*model.named_parameters(), *model.named_buffers())
    return [(name, value.data_ptr(), value._version) for name, value in named]
