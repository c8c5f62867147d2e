"""Link prediction over snapshots: all pairs ranked, measured beside the figures of EvolveGCN."""

from __future__ import annotations

import argparse

from benchmarks import _snapshot

_DATA = "bitcoin_otc"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py snapshot_link``."""
    _snapshot.add_arguments(parser, _DATA)


def run(args: argparse.Namespace) -> int:
    """Train, rank, print the table."""
    from benchmarks._settings import CONFIGS
    from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction

    return _snapshot.run(args, _DATA, SnapshotLinkPrediction, CONFIGS)
