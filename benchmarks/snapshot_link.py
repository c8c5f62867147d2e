"""Link prediction over snapshots: all pairs ranked, measured beside the figures of EvolveGCN."""

from __future__ import annotations

import argparse

from benchmarks import _snapshot


class _Training(_snapshot.SnapshotTraining):
    defaults = _snapshot.defaults("bitcoin_otc")
    folder = "snapshot_link"
    task_class = "graphkit.tasks.snapshot_link_prediction.SnapshotLinkPrediction"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py snapshot_link``."""
    _snapshot.add_arguments(parser, _Training.defaults)


def run(args: argparse.Namespace) -> int:
    """Train, rank, print the table."""
    return _Training(args).run()
