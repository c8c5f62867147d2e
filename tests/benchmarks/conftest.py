"""The benchmarks import as they do for ``run.py``: from the root of the repository."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def repository_on_the_path(monkeypatch):
    """``benchmarks`` is importable and is ours."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])


@pytest.fixture
def job_with_results(tmp_path):
    """A run of two seeds of one model, in a folder of its own."""
    from benchmarks._job import Job
    from graphkit.engine import Result

    metrics = {"test": {"accuracy": 0.5}}
    job = Job(tmp_path / "run", {"runs": 3})
    for seed in (0, 2):
        job.add(Result("node_classification", "ring", "gcn", seed, metrics=metrics))
    return job
