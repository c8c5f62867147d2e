"""The command line: ``graphkit``, or ``python -m graphkit``.

A command is a module of :mod:`graphkit.cli.commands` with ``add_arguments(parser)`` and
``run(args)``. Only :mod:`argparse` is imported before a command runs.
"""

from __future__ import annotations

from graphkit.cli.program import main

__all__ = ["main"]
