"""Importing graphkit is light: nothing optional, nothing heavy that only some of it needs."""

from __future__ import annotations

import ast
import graphlib
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
    "tensorboard",
    "wandb",
    "mlflow",
    "numba",
]


def modules_after(statement: str) -> set[str]:
    """Modules that a fresh interpreter holds after a statement, besides torch's own."""
    program = (
        "import torch, sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def loaded_after(statement: str) -> set[str]:
    """Top-level packages among them."""
    return {name.split(".")[0] for name in modules_after(statement)}


def test_import_is_light() -> None:
    loaded = loaded_after("import graphkit")
    assert "graphkit" in loaded
    assert loaded.isdisjoint(UNWANTED)


def test_every_room_is_reachable_from_graphkit_alone() -> None:
    modules_after(
        "import graphkit\n"
        "for name in ('nn.DAGNNConv', 'nn.NCache', 'models.NAT', 'models.stream.NAT',\n"
        "             'tasks.Forecast', 'Forecast', 'datasets.triadic', 'metrics.mrr',\n"
        "             'encoders.sequence.GRU', 'encoders.list_encoders', 'data.TemporalGraph',\n"
        "             'sampling.NeighborSampler', 'sampling.negatives', 'ops.counter_rng',\n"
        "             'engine.fit', 'testing.check_static_model', 'errors.GraphError',\n"
        "             'registry.names', 'fit_many', 'list_tasks'):\n"
        "    value = graphkit\n"
        "    for part in name.split('.'):\n"
        "        assert part in dir(value), name\n"
        "        value = getattr(value, part)"
    )


def test_listing_names_is_light() -> None:
    loaded = modules_after(
        "import graphkit\n"
        "dir(graphkit), dir(graphkit.nn), dir(graphkit.models), graphkit.list_models()"
    )
    assert {name.split(".")[0] for name in loaded}.isdisjoint(UNWANTED)
    assert not [name for name in loaded if name.count(".") > 2 and "graphkit.models." in name]


@pytest.mark.parametrize(
    "statement, file",
    [
        ("from graphkit.models import NAT", "nat"),
        ("from graphkit.models import EdgeBank", "edgebank"),
        ("from graphkit.models import HistoryLinkPredictor", "history"),
        ("import graphkit.models.stream.nat", "nat"),
        ("import graphkit.models.stream.edgebank", "edgebank"),
        ("import graphkit.models.stream.history", "history"),
        ("import graphkit; graphkit.registry.get('model', 'nat')", "nat"),
        ("import graphkit; graphkit.models.EdgeBank(3)", "edgebank"),
    ],
)
def test_a_model_of_streams_is_imported_alone(statement: str, file: str) -> None:
    """Neither other models with it, nor PyG's layers, which load transformers where it is there."""
    loaded = modules_after(statement)
    files = {name for name in loaded if name.startswith("graphkit.models.") and name.count(".") > 2}
    assert files == {f"graphkit.models.stream.{file}"}
    assert {name.split(".")[0] for name in loaded}.isdisjoint(UNWANTED)


def test_lists_of_names() -> None:
    assert graphkit.list_models() == graphkit.registry.names("model")
    assert {"nat", "dagnn", "stlink", "evolvegcn_h"} <= set(graphkit.list_models())
    assert graphkit.list_encoders() == graphkit.registry.names("sequence_encoder")
    assert graphkit.list_tasks() == graphkit.registry.names("task")
    assert {"forecast", "link_prediction"} <= set(graphkit.list_tasks())
    for entry in graphkit.registry.entries("task"):  # all tasks are top level
        assert getattr(graphkit, entry.make.__name__) is entry.make


def imports_of(path: Path, known: set[str]) -> set[str]:
    """The known modules that a file imports when it is imported itself, read from its source."""
    found: set[str] = set()

    def look(body: list[ast.stmt]) -> None:
        for line in body:
            if isinstance(line, ast.ImportFrom):
                for alias in line.names:
                    name = f"{line.module}.{alias.name}"
                    found.add(name if name in known else str(line.module))
            elif isinstance(line, ast.If) and "TYPE_CHECKING" not in ast.unparse(line.test):
                look(line.body + line.orelse)
            elif isinstance(line, ast.Try):
                look(line.body)

    look(ast.parse(path.read_text()).body)
    return found & known


def test_modules_of_data_are_imported_in_no_circle() -> None:
    """The container's methods import what they need when they are called, and nothing sooner."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (Path(ROOT) / "graphkit" / "data").rglob("*.py")
    }
    edges = {name: imports_of(path, set(files)) for name, path in files.items()}
    assert "graphkit.data.temporal_graph" in edges["graphkit.data"]
    order = list(graphlib.TopologicalSorter(edges).static_order())  # CycleError names a circle
    assert order.index("graphkit.data.columns") < order.index("graphkit.data.temporal_graph")


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
