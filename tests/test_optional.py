"""Every optional package hidden or broken: graphkit still imports, and says what to install."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

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
                    assert 'pip install "graphkit[some]"' in str(error), error
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
