"""Show versions, devices, folders and which fast paths are active."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the report of :mod:`graphkit.env`."""
    from graphkit.env import report

    print(report())
    return 0
