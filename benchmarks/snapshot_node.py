"""Node classification over snapshots: F1 of the rare class, per split and per step."""

from __future__ import annotations

import argparse

from benchmarks import _snapshot

_DATA = "sbm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py snapshot_node``."""
    _snapshot.add_arguments(parser, _DATA)


def run(args: argparse.Namespace) -> int:
    """Train, classify, print the table."""
    from benchmarks._settings import CONFIGS
    from graphkit.tasks.snapshot_node_classification import SnapshotNodeClassification

    return _snapshot.run(args, _DATA, SnapshotNodeClassification, CONFIGS / "snapshot_node")
