"""What is installed: the files of wheel and source distribution, the names, the pinned versions."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import graphkit
from graphkit.errors import DISTRIBUTION

ROOT = Path(graphkit.__file__).parents[1]
SKIPPED = shutil.ignore_patterns("__pycache__", "results", "_build", ".*", "*.egg-info", "build")


def package_files() -> set[str]:
    """Every file of the package's folder, but what Python compiles."""
    found = (path for path in (ROOT / "graphkit").rglob("*") if path.is_file())
    return {str(p.relative_to(ROOT)) for p in found if "__pycache__" not in p.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and a source distribution, built from a copy of the repository."""
    source, out = tmp_path_factory.mktemp("source") / "copy", tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, source, ignore=SKIPPED)
    program = (
        "import sys; from setuptools import build_meta as backend; out = sys.argv[1]; "
        "backend.build_sdist(out); backend.build_wheel(out)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(out)], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"graphkit_temporal-{graphkit.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f"graphkit_temporal-{graphkit.__version__}.dist-info"
        about = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
    assert "graphkit/py.typed" in names
    assert {name for name in names if not name.startswith(f"{info}/")} == package_files()
    assert f"{info}/licenses/LICENSE" in names
    assert (about["Name"], about["Version"]) == (DISTRIBUTION, graphkit.__version__)
    stated = [c.rpartition(" ")[2] for c in about.get_all("Classifier") if ":: 3." in c]
    assert stated == ["3.10", "3.11", "3.12", "3.13"]
    assert about["Requires-Python"] == ">=3.10"


def test_the_source_distribution_builds_the_package_and_has_no_stray_tests(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {m.name.partition("/")[2] for m in file.getmembers() if m.isfile()}
    beside = {name for name in names if not name.startswith(("graphkit/", "graphkit_temporal.egg"))}
    assert beside == {
        *("CHANGELOG.md", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md"),
        *("constraints-vision.txt", "constraints.txt", "pyproject.toml", "setup.cfg"),
    }
    assert {name for name in names if name.startswith("graphkit/")} == package_files()


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    assert len({package for package, _ in pairs}) == len(pairs)
    return {package: version for package, version in pairs}


def settings() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def names_in(requirements: str) -> set[str]:
    lines = (line for line in requirements.splitlines() if line and not line.startswith("#"))
    return {re.split("[<>=,]", line)[0] for line in lines}


def test_everything_that_an_extra_brings_is_pinned() -> None:
    stated, versions = settings(), pinned("constraints.txt")
    core = names_in(stated["options"]["install_requires"])
    extras = stated["options.extras_require"]
    assert "safetensors" in core
    assert core | set().union(*(names_in(extras[name]) for name in extras)) <= set(versions)
    vision = pinned("constraints-vision.txt")
    assert core | names_in(extras["test"]) | {"timm", "torchvision"} <= set(vision)


def test_both_sets_differ_in_torch_alone() -> None:
    """And torchvision is pinned to the torch that it was built for, in both: beside the other torch
    pip refuses it."""
    versions, vision = pinned("constraints.txt"), pinned("constraints-vision.txt")
    shared = set(versions) & set(vision)
    assert {name for name in shared if versions[name] != vision[name]} == {"torch"}
    minor = int(vision["torch"].split(".")[1])
    assert vision["torchvision"].split(".")[1] == str(minor + 15)  # how their numbers run
