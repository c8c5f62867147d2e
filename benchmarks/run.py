"""The command line of the benchmarks.

    python benchmarks/run.py link_pred            train and test stream models
    python benchmarks/run.py speed                time the hot paths against the obvious baselines
    python benchmarks/run.py report               write the tables of README and docs
    python benchmarks/run.py --list               commands, models, data sets

A command is a module or package of this folder with ``add_arguments(parser)`` and ``run(args)``:
adding one touches nothing here. It works from any directory, installed or not.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def commands() -> dict[str, ModuleType]:
    """The commands by name, found in this folder."""
    import benchmarks

    found = {}
    for info in pkgutil.iter_modules(benchmarks.__path__):
        if info.name.startswith("_") or info.name == "run":
            continue
        module = importlib.import_module(f"benchmarks.{info.name}")
        if hasattr(module, "add_arguments") and hasattr(module, "run"):
            found[info.name] = module
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code: 0 done, 1 something failed, 2 a wrong argument."""
    from graphkit.cli.parser import Parser

    known = commands()
    parser = Parser(prog="run.py", description="Benchmarks of graphkit.")
    parser.add_argument("--list", action="store_true", help="show commands, models and data sets")
    chooser = parser.add_subparsers(dest="command", metavar="command", parser_class=Parser)
    parsers = {}
    for name, module in known.items():
        first_line = (module.__doc__ or "").strip().splitlines()[0]
        parsers[name] = chooser.add_parser(name, help=first_line, description=first_line)
        module.add_arguments(parsers[name])
    args, unknown = parser.parse_known_args(arguments)
    if unknown:  # said by the command's parser, which knows what is close
        parsers.get(args.command, parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if args.list:
        print(listing(known))
        return 0
    if args.command is None:
        parser.print_help()
        return 2
    from graphkit.errors import GraphError

    try:
        return known[args.command].run(args) or 0
    except GraphError as error:
        print(f"run.py {args.command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"run.py {args.command}: {error}", file=sys.stderr)  # it names the file
        return 1


def listing(known: dict[str, ModuleType]) -> str:
    """Commands, tasks, models and data sets, each with the first line of its description."""
    from graphkit import registry

    lines = ["commands:"]
    lines += [f"  {n:<18} {(m.__doc__ or '').strip().splitlines()[0]}" for n, m in known.items()]
    for kind, title in (("task", "tasks"), ("model", "models"), ("dataset", "data sets")):
        lines.append(f"{title}:")
        lines += [f"  {e.name:<18} {e.doc}" for e in registry.entries(kind)] or ["  none"]
    return "\n".join(lines)


if __name__ == "__main__":
    # The folder of this script would make its modules importable under wrong names.
    sys.path[0] = str(ROOT)
    sys.exit(main())
