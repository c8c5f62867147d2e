"""Node classification over snapshots: F1 of the rare class, per split and per step."""

from __future__ import annotations

import argparse

from benchmarks import _snapshot


class _Training(_snapshot.SnapshotTraining):
    defaults = _snapshot.defaults("sbm")
    folder = "snapshot_node"
    task_class = "graphkit.tasks.snapshot_node_classification.SnapshotNodeClassification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py snapshot_node``."""
    _snapshot.add_arguments(parser, _Training.defaults)


def run(args: argparse.Namespace) -> int:
    """Train, classify, print the table."""
    return _Training(args).run()
