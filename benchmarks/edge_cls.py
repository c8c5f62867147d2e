"""Edge classification over snapshots: models of EvolveGCN's comparison, F1 of the rare class."""

from __future__ import annotations

import argparse

from benchmarks import _snapshot


class _Training(_snapshot.SnapshotTraining):
    defaults = _snapshot.defaults("bitcoin_otc")
    folder = "edge_cls"
    task_class = "graphkit.tasks.edge_classification.EdgeClassification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py edge_cls``."""
    _snapshot.add_arguments(parser, _Training.defaults)


def run(args: argparse.Namespace) -> int:
    """Train, classify, print the table."""
    return _Training(args).run()
