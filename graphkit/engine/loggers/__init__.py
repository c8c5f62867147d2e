"""Loggers: where the numbers of a training go; see :class:`graphkit.engine.LogMetrics`.

The protocol is :class:`graphkit.protocols.Logger`. Files need no extra; the adapters of
TensorBoard, Weights & Biases and MLflow import their package when a training starts.
"""

from __future__ import annotations

from graphkit.engine.loggers.csv_file import CSVLogger
from graphkit.engine.loggers.json_lines import JSONLinesLogger
from graphkit.engine.loggers.mlflow_run import MLflowLogger
from graphkit.engine.loggers.tensorboard_folder import TensorBoardLogger
from graphkit.engine.loggers.wandb_run import WandbLogger

__all__ = ["CSVLogger", "JSONLinesLogger", "MLflowLogger", "TensorBoardLogger", "WandbLogger"]
