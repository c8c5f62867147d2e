"""Try hostile inputs, kills and broken files against slow references, and count what fails.

Every module of this package that has ``KINDS`` is a class of fault; the first words of its
docstring are what the table calls it. A kind is a function of a
:class:`~benchmarks.reliability._case.Case`, and a failure prints the command that repeats the
smallest case found.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import pkgutil
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphkit.engine import Result

HEAD = ["class of fault", "cases", "right", "refused", "failures"]
TASK = "reliability"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py reliability``."""
    add = parser.add_argument
    add("--minutes", type=float, default=2.0, help="about how long in all (default: 2)")
    add("--only", metavar="A,B", help=f"classes, of: {', '.join(classes())}")
    add("--seed", type=int, default=0, help="seed of all cases (default: 0)")
    add("--cases", type=int, help="cases of each kind, instead of a time")
    add("--case", metavar="NAME", help="one case, as a failure names it: data_in.frames:12:3")
    add("--json", metavar="PATH", help="also write the results here")


def classes() -> list[str]:
    """Names of the classes of fault in this package."""
    return [i.name for i in pkgutil.iter_modules(__path__) if not i.name.startswith("_")]


@functools.cache
def module_of(name: str) -> ModuleType:
    """The module of a class.

    Raises:
        UnknownNameError: There is none of this name.
    """
    from graphkit.errors import UnknownNameError

    if name not in classes():
        raise UnknownNameError("class of fault", name, classes())
    return importlib.import_module(f"{__name__}.{name}")


def title(name: str) -> str:
    """What the table calls a class: the first words of its docstring, up to a colon."""
    return (module_of(name).__doc__ or name).strip().partition(":")[0]


def run(args: argparse.Namespace) -> int:
    """Try the cases, print the table; 1 if one failed."""
    import torch

    from benchmarks._command import names
    from benchmarks.reliability._runner import repeat, try_class
    from graphkit.engine import save_results
    from graphkit.engine.result import table
    from graphkit.errors import GraphError

    if not args.minutes > 0:
        raise GraphError("--minutes", "not a time", expected="> 0", got=args.minutes)
    if args.cases is not None and args.cases < 1:
        raise GraphError("--cases", "there is nothing to do", expected=">= 1", got=args.cases)
    torch.set_num_threads(1)
    if args.case:
        return repeat(args.case, args.seed)
    chosen = names(args.only, "--only") if args.only else classes()
    modules = {name: module_of(name) for name in chosen}  # a wrong name: an error now
    total = sum(getattr(module, "SHARE", 1.0) for module in modules.values())
    results: list[Result] = []
    for name, module in modules.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        seconds = 60 * args.minutes * getattr(module, "SHARE", 1.0) / total
        results.append(try_class(name, args.seed, seconds, args.cases))
    print("\n".join(table(HEAD, rows(results))))
    print(f"seed {args.seed}; a case is right, or refused with an error that says why")
    failures = [text for result in results for text in result.curves["failures"]]
    if args.json:
        print(f"JSON: {save_results(results, args.json)}")
    for text in failures:
        print(f"\n{text}", file=sys.stderr)
    return int(bool(failures))


def rows(results: list[Result]) -> list[list[str]]:
    """Cells of the table, one row per class and the sum."""
    counts = [[r.metrics["test"][key] for key in HEAD[1:]] for r in results]
    if len(counts) > 1:
        counts.append([sum(column) for column in zip(*counts)])
    names = [r.protocol["summary"] for r in results] + ["all"]
    return [[name, *(f"{int(n):,}" for n in count)] for name, count in zip(names, counts)]
