"""Tries the cases of a class until its time is over, and makes every failure small."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from benchmarks.reliability._case import Case, Kind
from graphkit.errors import GraphError, UnknownNameError

if TYPE_CHECKING:
    from graphkit.engine import Result

__all__ = ["repeat", "try_class"]

_SIZES = (1, 2, 3, 5, 8, 13, 21, 34)
_TRIES = 200  # cases of each smaller size that are tried for a failure
_SEARCH = 20.0  # seconds of that search
_MOST = 3  # failures of a kind after which it is not tried further


def try_class(name: str, seed: int, seconds: float, cases: int | None = None) -> Result:
    """Try the kinds of a class in turn.

    Args:
        name: The class, a module of this package.
        seed: Seed of all cases.
        seconds: When to stop; every kind is tried at least once.
        cases: Cases of each kind; takes the place of ``seconds``.

    Returns:
        Counts in ``metrics["test"]``, those of each kind and the failures in ``curves``.
    """
    from benchmarks.reliability import TASK, module_of, title
    from graphkit.engine import Result
    from graphkit.engine.environment import peak_rss_mb, versions

    module = module_of(name)
    kinds: dict[str, Kind] = module.KINDS
    counts = {k: dict.fromkeys(("cases", "right", "refused", "failures"), 0) for k in kinds}
    spent = dict.fromkeys(kinds, 0.0)
    failures: list[str] = []
    with _surroundings(module) as root:
        began = time.monotonic()
        while True:
            open_kinds = [k for k in kinds if counts[k]["failures"] < _MOST]
            if cases is not None:
                open_kinds = [k for k in open_kinds if counts[k]["cases"] < cases]
            untried = [k for k in open_kinds if not counts[k]["cases"]]
            over = cases is None and time.monotonic() - began >= seconds
            if not open_kinds or (over and not untried):
                break
            kind = untried[0] if untried else min(open_kinds, key=spent.__getitem__)
            number = counts[kind]["cases"]
            start = time.monotonic()
            size = _sizes(module)[number % len(_sizes(module))]
            outcome = _try(kinds[kind], f"{name}.{kind}", seed, number, size, root)
            counts[kind]["cases"] += 1
            if isinstance(outcome, str):
                counts[kind][outcome] += 1
            else:
                counts[kind]["failures"] += 1
                case, error = _smallest(kinds[kind], outcome, _sizes(module), root)
                text = _described(case, error)
                if text not in failures:
                    failures.append(text)
            spent[kind] += time.monotonic() - start
    totals = {key: float(sum(c[key] for c in counts.values())) for key in counts[kind]}
    return Result(
        TASK,
        name,
        "graphkit",
        seed,
        settings={"minutes": seconds / 60, "cases": cases},
        versions=versions(),
        threads=1,
        protocol={"summary": title(name)},
        metrics={"test": totals},
        timing={"run_s": time.monotonic() - began, "peak_rss_mb": peak_rss_mb()},
        curves={"kinds": counts, "failures": failures},
    )


def repeat(text: str, seed: int) -> int:
    """Run one case, named as a failure names it; the traceback if it fails.

    Raises:
        GraphError: There is no such case.
    """
    from benchmarks.reliability import module_of

    try:
        path, number, size = text.split(":")
        name, kind = path.split(".")
        which = int(number), int(size)
    except ValueError:
        raise GraphError("--case", "not a case", expected="CLASS.KIND:12:3", got=text) from None
    module = module_of(name)
    if kind not in module.KINDS:
        raise UnknownNameError("kind of case", kind, module.KINDS)
    with _surroundings(module) as root:
        outcome = _try(module.KINDS[kind], path, seed, *which, root)
    if isinstance(outcome, str):
        print(f"{text}: {outcome}")
        return 0
    print(_described(*outcome, whole=True), file=sys.stderr)
    return 1


class _surroundings(tempfile.TemporaryDirectory):
    """A folder for all files of a class, silence about warnings, and what its module prepares."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(prefix="graphkit-reliability-", ignore_cleanup_errors=True)
        self._quiet = warnings.catch_warnings()
        self._begin = getattr(module, "begin", None)

    def __enter__(self) -> Path:
        self._quiet.__enter__()
        warnings.simplefilter("ignore")
        if self._begin is not None:
            self._begin()
        return Path(super().__enter__())

    def __exit__(self, *error: object) -> None:
        self._quiet.__exit__(*error)
        super().__exit__(*error)


def _sizes(module: ModuleType) -> tuple[int, ...]:
    return getattr(module, "SIZES", _SIZES)


def _try(
    kind: Kind, name: str, seed: int, number: int, size: int, root: Path
) -> str | tuple[Case, Exception]:
    """The outcome of a case, or the case and what it raised."""
    with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as folder:
        case = Case(name, seed, number, size, Path(folder))
        try:
            return kind(case)
        except Exception as error:
            return case, error


def _smallest(
    kind: Kind, found: tuple[Case, Exception], sizes: tuple[int, ...], root: Path
) -> tuple[Case, Exception]:
    """The failure of the shortest description among smaller cases that fail alike."""
    best, error = found
    deadline = time.monotonic() + _SEARCH
    for size, number in itertools.product([s for s in sizes if s < best.size], range(_TRIES)):
        if time.monotonic() > deadline or size > best.size:
            break
        outcome = _try(kind, best.name, best.seed, number, size, root)
        if isinstance(outcome, str) or type(outcome[1]) is not type(error):
            continue
        if size < best.size or len(repr(outcome[0].told)) < len(repr(best.told)):
            best, error = outcome
    return best, error


def _described(case: Case, error: Exception, whole: bool = False) -> str:
    lines = [f"FAILED {case} (seed {case.seed})", *(f"  {line}" for line in case.told)]
    text = traceback.format_exception(error)
    lines += text if whole else [f"  {type(error).__name__}: {error}", f"  {_place(error)}"]
    lines.append(f"  python benchmarks/run.py reliability --case {case} --seed {case.seed}")
    return "\n".join(line.rstrip("\n") for line in lines)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    frame = frames[-1]
    return f"at {Path(frame.filename).name}:{frame.lineno}, in {frame.name}"
