"""What commands that train share: arguments, the folder of the run, what is said at the end."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks._job import Job
    from graphkit.engine.result import Result

__all__ = [
    "add_shared",
    "names",
    "open_job",
    "plotting",
    "print_results",
    "seeds",
    "train",
]

_SHARED: dict[str, dict[str, Any]] = {
    "model": {"help": "models, separated by commas (default: {default})"},
    "data": {"help": "data set (default: {default})"},
    "seeds": {"help": "seeds, separated by commas (default: {default})"},
    "epochs": {"type": int, "help": "the most epochs (default: as in benchmarks/configs)"},
    "device": {"help": "auto, cpu, cuda, cuda:1 (default: auto)"},
    "threads": {"type": int, "help": "CPU threads of torch (default: 1)"},
    "set": {"action": "append", "metavar": "KEY=VALUE"},
    "sweep": {
        "action": "append",
        "metavar": "KEY=A,B,C",
        "help": "train with each of these values in turn",
    },
    "json": {"metavar": "PATH", "help": "also write the results here"},
    "plot": {"metavar": "PATH"},
    "resume": {"metavar": "DIR", "help": "go on with an interrupted run, or start one there"},
}
_NOT_THE_RUN = ("command", "list", "json", "plot", "resume")  # a run that goes on may change them


def add_shared(
    parser: argparse.ArgumentParser,
    defaults: dict[str, Any],
    which: Sequence[str],
    **helps: str,
) -> None:
    """Declare arguments that mean the same in every command.

    What is not given is ``None``: a run that goes on takes it from its folder, and a new one takes
    the default.

    Args:
        parser: The command's.
        defaults: Default of every argument that has one, for ``--help``.
        which: Names of the arguments, without dashes, in the order of ``--help``.
        helps: Help of those that say more in this command.
    """
    for name in which:
        default = defaults.get(name)
        text = helps.get(name) or _SHARED[name]["help"].format(default=default)
        options = {**_SHARED[name], "help": text, "default": None}
        parser.add_argument(f"--{name}", **options)


def names(text: str, argument: str = "names") -> list[str]:
    """``"nat, tgn,nat"`` as ``["nat", "tgn"]``.

    Raises:
        GraphError: There is none; it says of which ``argument``.
    """
    from graphkit.errors import GraphError

    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found:
        raise GraphError(argument, "an empty list", expected="values separated by commas")
    return found


def seeds(text: str) -> list[int]:
    """``"0,1,2"`` as numbers.

    Raises:
        GraphError: There is none, or one is not a number.
    """
    from graphkit.errors import GraphError

    found = names(text, "--seeds")
    try:
        return [int(name) for name in found]
    except ValueError:
        raise GraphError("--seeds", "not a list of numbers", expected="0,1,2", got=text) from None


def open_job(args: argparse.Namespace, data: str) -> Job:
    """Start the run that the arguments ask for, or go on with the one in ``--resume``.

    Args:
        args: From the parser; its ``command`` names the folder of a new run.
        data: Name of the data set, for the same folder.

    Raises:
        GraphError: An argument contradicts the run in the folder.
    """
    from benchmarks._job import Job

    given = {k: v for k, v in vars(args).items() if v is not None and k not in _NOT_THE_RUN}
    return Job.open(args.resume, given, f"results/{args.command}-{data}")


def train(
    args: argparse.Namespace,
    job: Job,
    results: Iterable[Result],
    report: Callable[[], object],
    total: int,
) -> int:
    """Train, keep every result as it comes, and report; the exit code.

    Interrupted with Ctrl-C, what is done is reported too, and it is said how to go on.

    Args:
        args: From the parser.
        job: Where the results are kept.
        results: Trains when it is asked for the next one.
        report: Prints, writes and draws what is done.
        total: How many results there will be.
    """
    try:
        for result in results:
            job.add(result)
    except KeyboardInterrupt:
        job.begin()  # the arguments, to go on with: the first training may not have come to that
        report()
        if job.leads:
            print(f"\nInterrupted: {len(job.done)} of {total} trainings are done. Go on with")
            print(f"  python {sys.argv[0]} {args.command} --resume {job.folder}")
        return 130
    else:
        report()
        return 0
    finally:
        job.close()


def print_results(job: Job, json: str | Path | None, note: str | None = None) -> bool:
    """Print the table of what is done, and where its records are; whether there was anything.

    Args:
        job: One without a result, or of a process that is not the first, prints nothing.
        json: Where the results are also written.
        note: Stands above the table.
    """
    if not job.leads or not job.done:
        return False
    from benchmarks._tables import comparison, title
    from graphkit.engine.result import table

    head, rows, notes = comparison(job.done)
    above = [note] if note else []
    print("\n" + "\n".join([*above, *title(job.done), "", *table(head, rows), "", *notes]))
    if json:
        job.save(json)
    print(f"JSON: {json or job.folder / 'result.json'}")
    return True


@contextlib.contextmanager
def plotting() -> Iterator[None]:
    """Around the drawing of a plot: a package that is missing is said, and no error."""
    from graphkit.errors import MissingPackageError

    try:
        yield
    except MissingPackageError as error:
        print(f"no plot: {error}")
