"""``python -m graphkit.env``: states what there is, whatever is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import graphkit
from graphkit import env

ROOT = str(Path(graphkit.__file__).parents[1])


def put(folder: Path, module: str, source: str, version: str | None = "9.8.7") -> None:
    """A package that does ``source`` when it is imported."""
    (folder / f"{module}.py").write_text(source)
    if version is not None:
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir()
        name = module.replace("_", "-")
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )


def run(folder: Path, **variables: str) -> dict[str, str]:
    """The report of a fresh process that finds the packages in ``folder``: rows by name."""
    base = {k: v for k, v in os.environ.items() if not k.startswith("GRAPHKIT_")}
    path = os.pathsep.join([str(folder), ROOT])
    done = subprocess.run(
        [sys.executable, "-m", "graphkit.env"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**base, "PYTHONPATH": path, **variables},
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    rows = (line.strip().split("  ", 1) for line in done.stdout.splitlines())
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


def test_what_is_there_and_what_is_broken(tmp_path: Path) -> None:
    put(tmp_path, "torch_scatter", "raise OSError('libx.so: undefined symbol: _ZN3c10')")
    put(tmp_path, "dgl", "raise FileNotFoundError('no libgraphbolt.so')")
    put(tmp_path, "mne", "import os; os.abort()")
    put(tmp_path, "timm", "raise SystemExit('no')")
    put(tmp_path, "peft", "print('hello from peft')")
    put(tmp_path, "obonet", "", version=None)
    rows = run(tmp_path, GRAPHKIT_DATA=str(tmp_path), GRAPHKIT_CACHE=str(tmp_path / "new"))
    assert rows["graphkit"].startswith(graphkit.__version__)
    assert rows["Python"].startswith(".".join(map(str, sys.version_info[:2])))
    broken = "9.8.7, BROKEN"
    assert rows["torch_scatter"] == (
        f"{broken} (PyG's aggregations): OSError: libx.so: undefined symbol: _ZN3c10"
    )
    assert rows["dgl"].endswith("FileNotFoundError: no libgraphbolt.so")
    assert rows["mne"].startswith(broken)
    assert "ends at import with code" in rows["mne"]
    assert rows["timm"].endswith("SystemExit: no")
    assert rows["peft"] == "9.8.7 (text encoders)"
    assert rows["obonet"] == "unknown version (ontologies)"
    assert rows["scatter in PyG"] == "torch (torch_scatter does not load)"
    assert rows["DGL graphs"] == "no (dgl does not load)"
    assert rows["own data sets"] == str(tmp_path)
    assert rows["downloads"] == str(tmp_path / "new")
    assert rows["GRAPHKIT_DATA"] == str(tmp_path)


def test_broken_numba_means_the_torch_path(tmp_path: Path) -> None:
    put(tmp_path, "numba", "raise ImportError('numba needs another numpy')")
    rows = run(tmp_path, GRAPHKIT_DATA=str(tmp_path / "absent"))
    assert rows["numba"].endswith("ImportError: numba needs another numpy")
    assert "numba does not load" in rows["loops of stream models on the CPU"]
    assert rows["own data sets"].endswith("absent IS NOT A FOLDER")


def test_switches_are_told(tmp_path: Path) -> None:
    put(tmp_path, "numba", "")
    rows = run(tmp_path, GRAPHKIT_COMPILED="0", GRAPHKIT_CACHE="/proc/1/graphkit")
    assert rows["loops of stream models on the CPU"].startswith("torch (GRAPHKIT_COMPILED=0")
    assert "GRAPHKIT_CACHE" in rows["downloads"]
    assert "CANNOT BE WRITTEN TO" in rows["downloads"]
    assert rows["own data sets"] == "none (GRAPHKIT_DATA is not set)"


def test_absent_packages_name_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    known = (("no_such_module", "no-such-distribution", "some", "dreams"),)
    monkeypatch.setattr(env, "_OPTIONAL", known)
    (package,) = env.optional_packages()
    assert (package.version, package.problem, package.works) == (None, None, False)
    assert env._state(package) == (
        'not installed (dreams: pip install "graphkit-temporal[some]")'  # how to mend it
    )


def test_the_other_project_of_this_name_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two distributions that install the folder graphkit: the wrong one, and ours."""
    for name, version in (("graphkit", "0.3.1"), ("graphkit_temporal", "7.6.5")):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        )
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    rows = dict(env._machine())
    assert rows["distribution"] == "graphkit-temporal 7.6.5"
    assert rows["IN THE WAY"].startswith(f"distribution graphkit 0.3.1 in {tmp_path}: another")
    assert "Run pip uninstall graphkit, then pip install" in rows["IN THE WAY"]
    monkeypatch.setattr(sys, "path", [])
    rows = dict(env._machine())
    assert rows["distribution"] == "graphkit-temporal is not installed"
    assert "IN THE WAY" not in rows


def test_every_extra_is_reported() -> None:
    """Each package of an extra that a user may add appears, under that extra."""
    import configparser
    import re

    settings = configparser.ConfigParser()
    settings.read(Path(ROOT) / "setup.cfg")
    stated = {}
    for extra, text in settings["options.extras_require"].items():
        if extra not in ("docs", "test"):
            for line in text.split():
                stated[re.split("[<>=,]", line)[0]] = extra
    stated.pop("packaging", None)  # something that dgl forgets to ask for
    reported = {distribution: extra for _, distribution, extra, _ in env._OPTIONAL if extra}
    assert reported == stated
