"""Kill and resume: SIGKILL at random moments, then the numbers and files of an unbroken run."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from benchmarks.reliability import _lives
from benchmarks.reliability._case import RIGHT, Case
from benchmarks.reliability._training import outcome
from graphkit import TemporalGraph
from graphkit.engine import load_results
from graphkit.engine.predictor.folder import read_folder, write_folder

SIZES = (1, 2, 3)
SHARE = 1.5
_WITHIN = 0.3  # seconds


@functools.cache
def unbroken(seed: int) -> dict[str, Any]:
    """What a training comes to that nobody interrupts."""
    return outcome(seed)


def begin() -> None:
    """Start the server of processes, and train once without a kill."""
    _lives.warm_up()
    unbroken(0)


def training(case: Case) -> str:
    """A training that is killed up to three times goes on to metrics, curves and state."""
    seed, folder = case.draw.randrange(2), case.folder / "checkpoints"
    kills = [_lives.killed(case, _WITHIN, _lives.train, folder, seed) for _ in range(case.size)]
    case.tell(seed=seed, killed_while_training=kills)
    resumed = outcome(seed, folder, resume=True)
    for key, value in unbroken(seed).items():
        case.check(resumed[key] == value, f"{key} is {resumed[key]}, not {value}")
    _check_swept(case, folder)
    return RIGHT


def graph_folder(case: Case) -> str:
    """A graph that is saved over another one is the old one or the new one."""
    folder = case.folder / "graph"
    for _ in range(case.size):
        _lives.killed(case, _WITHIN, _lives.save_graphs, folder)
        weight = TemporalGraph.open(folder, verify=True).edge_weight
        case.check(bool((weight == weight[0]).all()), "it is a mixture of two")
    _lives.graph_of(-1).save(folder)
    case.check(bool((TemporalGraph.open(folder).edge_weight == -1).all()), "it is an older one")
    _check_swept(case, case.folder)
    return RIGHT


def predictor_folder(case: Case) -> str:
    """The same for the folder of a predictor."""
    folder = case.folder / "predictor"
    for _ in range(case.size):
        _lives.killed(case, _WITHIN, _lives.save_predictors, folder)
        facts, groups = read_folder(folder)
        for tensors in groups.values():
            right = bool((tensors["weight"] == facts["number"]).all())
            case.check(right, "it is a mixture of two")
    write_folder(folder, {"number": 1}, {})
    _check_swept(case, folder)
    return RIGHT


def result_file(case: Case) -> str:
    """The same for a file of results."""
    path = case.folder / "result.json"
    for _ in range(case.size):
        _lives.killed(case, _WITHIN, _lives.save_records, path)
        results = load_results(path)
        numbers = {number for result in results for number in result.curves["loss"]}
        case.check(len(results) == 2 and len(numbers) == 1, "it is a mixture of two")
    results[0].to_json(path)
    _check_swept(case, case.folder)
    return RIGHT


def _check_swept(case: Case, folder: Path) -> None:
    left = [path.name for path in folder.glob(".*.tmp-*")]
    case.check(not left, f"files of killed writers are left: {left}")


KINDS = {
    "training": training,
    "graph_folder": graph_folder,
    "predictor_folder": predictor_folder,
    "result_file": result_file,
}
