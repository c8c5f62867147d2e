"""Edge classification over snapshots: models of EvolveGCN's comparison, F1 of the rare class."""

from __future__ import annotations

import argparse

from benchmarks import _snapshot

_DATA = "bitcoin_otc"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py edge_cls``."""
    _snapshot.add_arguments(parser, _DATA)


def run(args: argparse.Namespace) -> int:
    """Train, classify, print the table."""
    from benchmarks._settings import CONFIGS
    from graphkit.tasks.edge_classification import EdgeClassification

    return _snapshot.run(args, _DATA, EdgeClassification, CONFIGS / "edge_cls")
