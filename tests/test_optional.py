"""Every optional package hidden or broken: graphkit still imports, and says what to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import graphkit

ROOT = str(Path(graphkit.__file__).parents[1])
OPTIONAL = [
    "torch_scatter",
    "dgl",
    "pyarrow",
    "duckdb",
    "timm",
    "transformers",
    "peft",
    "mne",
    "h5py",
    "biotite",
    "obonet",
    "matplotlib",
    "tensorboard",
    "wandb",
    "mlflow",
    "triton",
    "numba",
]
FAILURES = {
    "absent": "ModuleNotFoundError(f'No module named {name!r}', name=name)",
    "import error": "ImportError('undefined symbol: _ZN3c10')",
    "os error": "OSError('libx.so: cannot open shared object file')",
    "file not found": "FileNotFoundError(f'cannot find {name}/libgraphbolt.so')",
    "runtime error": "RuntimeError('built for another torch')",
}


def run(failure: str, program: str) -> str:
    """Output of a program for which every optional package fails at import."""
    hide = f"""
        import sys
        import torch  # what torch itself looks for when it is imported is not ours to answer for
        class Hide:
            failure = {failure!r}
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {OPTIONAL!r}:
                    raise {{{", ".join(f"{k!r}: lambda: {v}" for k, v in FAILURES.items())}}}[
                        self.failure
                    ]()
        hide = Hide()
        sys.meta_path.insert(0, hide)
    """
    source = textwrap.dedent(hide) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("at_import", ["absent", "file not found"])
def test_core_works_and_require_names_the_extra(at_import: str) -> None:
    out = run(
        at_import,
        f"""
        import graphkit as gk
        from graphkit.errors import MissingPackageError, require
        g = gk.TemporalGraph([0, 1, 0], [1, 2, 2], [3, 1, 2], edge_attr=[[1.0], [2.0], [3.0]])
        train, val, test = g.split(val=0.3, test=0.3)
        assert [len(b) for b in g.batches(size=2)] == [2, 1]
        for hide.failure in {list(FAILURES)!r}:
            for package in ("torch_scatter", "dgl", "pyarrow.parquet", "duckdb", "matplotlib"):
                try:
                    require(package, extra="some")
                except MissingPackageError as error:
                    assert 'pip install "graphkit-temporal[some]"' in str(error), error
                    state = "broken" if "cannot be loaded" in str(error) else "absent"
                    print(hide.failure, package, state, sep=":")
                else:
                    raise SystemExit(f"{{package}} was loaded")
        """,
    )
    assert out.splitlines() == [
        f"{failure}:{package}:{'absent' if failure == 'absent' else 'broken'}"
        for failure in FAILURES
        for package in ("torch_scatter", "dgl", "pyarrow.parquet", "duckdb", "matplotlib")
    ]


def test_calls_that_need_a_package_name_its_extra(tmp_path: Path) -> None:
    path = str(tmp_path / "graph.parquet")
    out = run(
        "file not found",
        f"""
        import os
        import graphkit as gk
        g = gk.TemporalGraph([0, 1], [1, 2], [1, 2])
        for hide.failure in ("absent", "file not found"):
            for call in (
                lambda: gk.TemporalGraph.from_dgl(None),
                lambda: g.to_dgl(),
                lambda: g.save({path!r}),
            ):
                try:
                    call()
                except gk.errors.MissingPackageError as error:
                    print(error.extra)
        assert not os.path.exists({path!r})
        """,
    )
    assert out.split() == ["dgl", "dgl", "scale"] * 2


def test_every_room_imports_without_optional_packages() -> None:
    out = run(
        "absent",
        """
        import importlib, pkgutil
        import graphkit
        for module in pkgutil.walk_packages(graphkit.__path__, "graphkit."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        print("all")
        """,
    )
    assert out.split()[-1] == "all"


BROKEN = [*OPTIONAL, "PIL", "torchvision", "torchaudio", "torchmetrics", "sklearn", "rdkit", "onnx"]
# What torch, PyG and pandas import themselves survives there as an ImportError only.
LOADED_BY_THE_CORE = {"pyarrow", "transformers", "triton"}


def test_broken_packages_do_not_reach_a_core_number(tmp_path: Path) -> None:
    """Installed, with metadata, and unable to load: a training still ends with AP and AUC, and they
    are scikit-learn's."""
    for name in BROKEN:
        info = tmp_path / f"{name}-99.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 99.0\n"
        )
        error = "ImportError" if name in LOADED_BY_THE_CORE else "RuntimeError"
        (tmp_path / f"{name}.py").write_text(f"raise {error}('operator {name}::nms is missing')")
    program = """
        import json, torch, graphkit as gk
        from graphkit.metrics import average_precision, roc_auc
        from graphkit.models.stream import TGN
        torch.manual_seed(0)
        p, n = torch.randn(300).round(decimals=1) + 0.5, torch.randn(500).round(decimals=1)
        graph = gk.load("triadic", num_events=200, num_nodes=30)
        result = gk.fit(TGN.from_graph(graph), gk.LinkPrediction(graph), epochs=1, progress=False)
        print(json.dumps([p.tolist(), n.tolist(), average_precision(p, n), roc_auc(p, n),
                          result.metrics["test"]["ap"], result.metrics["test"]["auc"]]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), ROOT])},
    )
    assert done.returncode == 0, done.stderr
    positive, negative, ap, auc, *trained = json.loads(done.stdout)
    y, scores = [1] * len(positive) + [0] * len(negative), positive + negative
    assert ap == pytest.approx(average_precision_score(y, scores), abs=1e-6)
    assert auc == pytest.approx(roc_auc_score(y, scores), abs=1e-6)
    assert all(0 < value <= 1 for value in trained)
