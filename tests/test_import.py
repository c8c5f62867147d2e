"""Importing graphkit is light: nothing optional, nothing heavy that only some of it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import graphkit

ROOT = str(Path(graphkit.__file__).parents[1])
# torch itself is the floor: what it loads by itself on some machines is not ours to answer for.
UNWANTED = [
    "lightning_fabric",
    "torchmetrics",
    "pandas",
    "networkx",
    "scipy",
    "sklearn",
    "tqdm",
    "torch_geometric",
    "torch_scatter",
    "torch_sparse",
    "dgl",
    "pyarrow",
    "duckdb",
    "timm",
    "transformers",
    "peft",
    "mne",
    "biotite",
    "obonet",
    "matplotlib",
    "numba",
]


def loaded_after(statement: str) -> set[str]:
    """Top-level packages that a fresh interpreter holds after a statement."""
    program = (
        "import torch, sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_import_is_light() -> None:
    loaded = loaded_after("import graphkit")
    assert "graphkit" in loaded
    assert loaded.isdisjoint(UNWANTED)


def test_building_and_slicing_is_light() -> None:
    loaded = loaded_after(
        "import graphkit as gk\n"
        "g = gk.TemporalGraph([0, 1], [1, 2], [1, 2], node_names=['a', 'b', 'c'])\n"
        "g.split(val=0.3, test=0.3), g.between(1, 2), list(g.batches(size=1))"
    )
    assert loaded.isdisjoint(UNWANTED)


def test_names_are_listed_and_wrong_ones_are_attribute_errors() -> None:
    assert set(graphkit.__all__) <= set(dir(graphkit))
    assert graphkit.TemporalGraph is graphkit.data.TemporalGraph
    with pytest.raises(AttributeError, match="no attribute 'TemporalGraf'"):
        _ = graphkit.TemporalGraf


@pytest.mark.parametrize("name", graphkit.__all__)
def test_public_names_have_docstrings(name: str) -> None:
    assert (getattr(graphkit, name).__doc__ or "").strip()
