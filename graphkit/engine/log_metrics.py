"""Numbers of a training, passed on to loggers."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphkit.checks import check_count
from graphkit.engine.hooks import Training
from graphkit.engine.result import Result
from graphkit.errors import GraphError
from graphkit.protocols import Hook, Logger

__all__ = ["LogMetrics"]


class LogMetrics(Hook):
    """A hook that gives losses and metrics to loggers.

    At the end of each epoch it logs ``train_loss`` and ``val_<metric>``, after the test
    ``test_<metric>``, and with ``every`` the ``loss`` of single steps. A run that was interrupted
    and resumed leaves the log of an unbroken run: each logger gets its state from the checkpoint
    and drops, or does not store again, what was logged after it. In data-parallel runs process 0
    logs, whose ``loss`` is that of the whole batch.

    Args:
        loggers: One or several, such as :class:`graphkit.engine.loggers.JSONLinesLogger`.
        every: Log the loss after every so many steps, which waits for the device each time;
            ``None`` for epochs only.

    Raises:
        GraphError: There is no logger, something else was given, or ``every`` is not a number of
            steps.

    Example:
        >>> from graphkit.engine import LogMetrics
        >>> from graphkit.engine.loggers import JSONLinesLogger
        >>> hook = LogMetrics(JSONLinesLogger("log.jsonl"), every=100)  # fit(..., hooks=[hook])
    """

    only_reads = True

    def __init__(self, *loggers: Logger, every: int | None = None) -> None:
        members = [name for name in vars(Logger) if not name.startswith("_")]
        for logger in loggers:
            lacking = [name for name in members if not callable(getattr(logger, name, None))]
            if lacking or isinstance(logger, type):
                raise GraphError(
                    "loggers",
                    f"{logger!r} is not a logger",
                    expected="an object with start, log, state_dict and finish",
                )
        if not loggers:
            raise GraphError("loggers", "there is none", fix="LogMetrics(JSONLinesLogger(path)).")
        self.loggers = loggers
        self.every = None if every is None else check_count(every, "every", "no step is logged")
        self._states: list[dict[str, Any] | None] = [None] * len(loggers)
        self._started: list[Logger] = []

    def on_fit_start(self, training: Training) -> None:
        if not training.leads:
            return
        run = {
            "name": training.name,
            "task": training.task.name,
            "dataset": training.task.dataset,
            "seed": training.seed,
            "settings": training.settings,
        }
        for logger, state in zip(self.loggers, self._states):
            self._started.append(logger)
            logger.start(run, state, training.resume)

    def on_step(self, training: Training, loss: Tensor) -> None:
        if self.every is not None and training.step % self.every == 0 and training.leads:
            self._log(training, {"loss": float(loss)})

    def on_epoch_end(self, training: Training, metrics: dict[str, float]) -> None:
        self._log(training, metrics)

    def on_evaluation(self, training: Training, split: str, metrics: dict[str, float]) -> None:
        if split == "test":
            self._log(training, {f"test_{name}": value for name, value in metrics.items()})

    def on_fit_end(self, training: Training, result: Result | None) -> None:
        started, self._started = self._started, []
        self._states = [None] * len(self.loggers)  # of this training, not of a later one
        for logger in started:
            logger.finish(result is None)

    def state_dict(self) -> dict[str, Any]:
        return {"loggers": [logger.state_dict() for logger in self.loggers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if len(state["loggers"]) != len(self.loggers):
            raise GraphError(
                "loggers",
                "the checkpoint was made with another number of them",
                expected=len(state["loggers"]),
                got=len(self.loggers),
            )
        self._states = list(state["loggers"])

    def _log(self, training: Training, values: dict[str, float]) -> None:
        for logger in self._started:  # none but in process 0
            logger.log(values, step=training.step, epoch=training.epoch)
