"""The benchmarks import as they do for ``run.py``: from the root of the repository."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def repository_on_the_path(monkeypatch):
    """``benchmarks`` is importable and is ours."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
