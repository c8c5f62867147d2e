"""The entry point: finds the command and turns errors and interruptions into exit codes.

Exit codes: 0 done; 1 a file could not be read or written; 2 an argument or the data cannot be used;
130 interrupted with Ctrl-C; 141 the reader of a pipe has gone.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from graphkit.cli.parser import Parser
from graphkit.errors import GraphError

__all__ = ["COMMANDS", "main"]

COMMANDS = ("inspect", "train", "predict", "recommend", "forecast", "observe", "list", "env")
"""The commands, each a module of :mod:`graphkit.cli.commands`, in the order of ``--help``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code.

    Args:
        arguments: Command-line arguments; ``sys.argv`` by default.

    Returns:
        The exit code.
    """
    try:
        try:
            code = _run(arguments)
        except SystemExit as stopped:  # argparse: a wrong argument, or --help
            code = stopped.code if isinstance(stopped.code, int) else 0
        sys.stdout.flush()
    except BrokenPipeError:
        _close_output()
        return 141
    except KeyboardInterrupt:
        print("\ngraphkit: interrupted", file=sys.stderr)
        return 130
    return code


def make_parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the program, and the parsers of its commands by name."""
    import graphkit

    parser = Parser(
        prog="graphkit",
        description="Learning on graphs and temporal networks, from tables and back.",
        epilog="graphkit COMMAND --help says more about a command.",
    )
    parser.add_argument("--version", action="version", version=f"graphkit {graphkit.__version__}")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    commands: dict[str, Parser] = {}
    chooser = parser.add_subparsers(dest="command", metavar="command", parser_class=Parser)
    for name in COMMANDS:
        module = _module(name)
        about, _, more = (module.__doc__ or "").strip().partition("\n")
        command = commands[name] = chooser.add_parser(
            name,
            help=about.rstrip("."),
            description=f"{about}\n{more}".replace("``", ""),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show where an error came from",
        )
    return parser, commands


def _run(arguments: Sequence[str] | None) -> int:
    parser, commands = make_parser()
    args, unknown = parser.parse_known_args(arguments)
    if unknown:  # reported by the command's parser, which suggests the closest name
        commands.get(args.command, parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if args.command is None:
        parser.print_help()
        return 2
    prog = f"graphkit {args.command}"
    try:
        with _short_warnings(prog):
            return _module(args.command).run(args) or 0
    except BrokenPipeError:
        raise
    except (GraphError, OSError) as error:
        if args.debug:
            import traceback

            traceback.print_exc()
        else:
            print(f"{prog}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, GraphError) else 1


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"graphkit.cli.commands.{name}")


@contextmanager
def _short_warnings(prog: str) -> Iterator[None]:
    """Print each warning as one line, without a line of source code."""

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        print(f"{prog}: warning: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _close_output() -> None:
    """Discard buffered output without an error message after the reader has closed the pipe."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
