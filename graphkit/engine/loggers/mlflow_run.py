"""A log in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphkit.errors import require

__all__ = ["MLflowLogger"]


class MLflowLogger:
    """A run in a store of `MLflow <https://mlflow.org/docs/latest>`_ (extra ``loggers``).

    A resumed training goes on with the same run: the store is asked for the last step of each
    metric, and values up to that step are not stored again.

    Args:
        experiment: Name of the experiment; made if there is none.
        tracking_uri: The store, such as ``"http://host:5000"``, or ``"sqlite:///runs.db"`` (which
            needs the whole of ``mlflow``); ``None`` for what MLflow is set to.
    """

    def __init__(self, experiment: str, *, tracking_uri: str | None = None) -> None:
        self.experiment, self.tracking_uri = experiment, tracking_uri
        self._client: Any = None
        self._run: str | None = None
        self._stored: dict[str, int] | None = (
            None  # last step of each metric, once it was asked for
        )

    def start(self, run: Mapping[str, Any], state: dict[str, Any] | None, overwrite: bool) -> None:
        """See :meth:`graphkit.protocols.Logger.start`.

        Raises:
            MissingPackageError: MLflow is not installed.
        """
        mlflow = require("mlflow", "loggers")
        self._client = mlflow.MlflowClient(tracking_uri=self.tracking_uri)
        if state is not None:
            self._run, self._stored = state["run"], {}
            self._client.set_terminated(self._run, "RUNNING")
            return
        found = self._client.get_experiment_by_name(self.experiment)
        place = self._client.create_experiment(self.experiment) if found is None else None
        made = self._client.create_run(place or found.experiment_id, run_name=run["name"])
        self._run, self._stored = made.info.run_id, None
        for name, value in {**run, **run["settings"]}.items():
            if name != "settings":
                self._client.log_param(self._run, name, value)

    def log(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        for name, value in values.items():
            if step > self._last(name):
                self._client.log_metric(self._run, name, value, step=step)

    def state_dict(self) -> dict[str, Any]:
        return {"run": self._run}

    def finish(self, failed: bool) -> None:
        if self._client is not None and self._run is not None:
            self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")
        self._client = self._run = None

    def _last(self, name: str) -> int:
        """The last step of a metric that an earlier life of the run has stored."""
        if self._stored is None:
            return -1
        if name not in self._stored:
            history = self._client.get_metric_history(self._run, name)
            self._stored[name] = max((entry.step for entry in history), default=-1)
        return self._stored[name]
