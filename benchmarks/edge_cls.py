"""Edge classification over snapshots: models of EvolveGCN's comparison, F1 of the rare class."""

from __future__ import annotations

import argparse

from benchmarks import _snapshot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py edge_cls``."""
    _snapshot.add_arguments(parser, "bitcoin_otc")


def run(args: argparse.Namespace) -> int:
    """Train, classify, print the table."""
    from benchmarks._settings import CONFIGS
    from graphkit.tasks.edge_classification import EdgeClassification

    return _snapshot.run(args, EdgeClassification, CONFIGS / "edge_cls")
