"""Processes that write until they are killed."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from benchmarks.reliability._case import Case, Fault

__all__ = ["killed", "save_graphs", "save_predictors", "save_records", "train", "warm_up"]

_LOADED = ["graphkit.engine", "graphkit.tasks", "graphkit.models.stream", "lightning_fabric"]
_ROWS = 3000


def killed(case: Case, within: float, work: Callable[..., None], *arguments: Any) -> bool:
    """Start a process and kill it (SIGKILL) at a random moment after its work has begun.

    Args:
        case: The case.
        within: Seconds, the latest moment.
        work: Called in the process with a file that it makes when it begins, and the arguments.
        arguments: Of ``work``.

    Returns:
        Whether it was still at work.
    """
    begun = case.folder / f"begun-{case.draw.getrandbits(40):x}"
    moment = case.draw.uniform(0, within)
    process = _started(work, (begun, *arguments))
    try:
        deadline = time.monotonic() + 120
        while not begun.exists() and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.002)
        if not begun.exists():
            raise Fault(f"the process did not begin (exit code {process.exitcode})")
        time.sleep(moment)
    finally:
        alive = process.is_alive()
        process.kill()
        process.join()
    if not alive and process.exitcode != 0:
        raise Fault(f"the process failed (exit code {process.exitcode})")
    return alive


def warm_up() -> None:
    """Start a process that does nothing, so that the ones to be timed start at once."""
    process = _started(time.time, ())
    process.join()


def _started(work: Callable[..., None], arguments: tuple[Any, ...]) -> BaseProcess:
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if hasattr(context, "set_forkserver_preload"):
        context.set_forkserver_preload(_LOADED)
    process = context.Process(target=work, args=arguments, daemon=True)
    with _path_of_repository():  # the server of processes imports what this process would
        process.start()
    return process


@contextmanager
def _path_of_repository() -> Iterator[None]:
    before = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = root if before is None else os.pathsep.join([root, before])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def train(begun: Path, folder: Path, seed: int) -> None:
    """Train, or go on with a training, in a folder."""
    import torch

    from benchmarks.reliability._training import graph, outcome

    torch.set_num_threads(1)
    graph()
    begun.touch()
    outcome(seed, folder, resume=True)


def save_graphs(begun: Path, folder: Path) -> None:
    """Save graphs over one another; the weights of each are all alike."""
    for number in range(10_000):
        graph_of(number).save(folder)
        if number == 0:
            begun.touch()


def graph_of(number: int) -> Any:
    """A graph whose weights all are ``number``."""
    import torch

    from graphkit import TemporalGraph

    nodes = torch.arange(_ROWS)
    return TemporalGraph(nodes, nodes.flip(0), nodes, edge_weight=[float(number)] * _ROWS)


def save_predictors(begun: Path, folder: Path) -> None:
    """Save folders of a predictor over one another; the numbers in each are all alike."""
    import torch

    from graphkit.engine.predictor.folder import write_folder

    for number in range(10_000):
        tensors = {"weight": torch.full((_ROWS,), float(number))}
        write_folder(folder, {"number": number}, {"model": tensors, "data": tensors})
        if number == 0:
            begun.touch()


def save_records(begun: Path, path: Path) -> None:
    """Save results over one another; each says its number in all of its curves."""
    from graphkit.engine import Result, save_results

    for number in range(10_000):
        curves = {"loss": [number] * _ROWS}
        save_results(
            [Result("task", "data", "model", seed, curves=curves) for seed in (0, 1)], path
        )
        if number == 0:
            begun.touch()
