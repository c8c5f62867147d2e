"""Packages whose names are imported when first used: what is imported, when; what is refused."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import graphkit
from graphkit.lazy import lazy_names

LAZY = [
    "graphkit",
    "graphkit.encoders",
    "graphkit.models",
    "graphkit.models.signal",
    "graphkit.models.snapshot",
    "graphkit.models.static",
    "graphkit.models.stream",
    "graphkit.nn",
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "some_layers"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        '"""Some layers."""\n'
        "from typing import TYPE_CHECKING\n"
        "from graphkit.lazy import lazy_names\n"
        "if TYPE_CHECKING:\n"
        "    from some_layers import heavy\n"
        "    from some_layers.heavy import Conv, Norm as LayerNorm, gone\n"
        "ready = 1\n"
        "__getattr__, __dir__ = lazy_names(__name__)\n"
    )
    (folder / "heavy.py").write_text("class Conv: ...\nclass Norm: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "some_layers"
    for name in [name for name in sys.modules if name.split(".")[0] == "some_layers"]:
        del sys.modules[name]


def test_names_are_imported_when_used(package: str) -> None:
    made = importlib.import_module(package)
    assert "some_layers.heavy" not in sys.modules
    assert {"Conv", "LayerNorm", "heavy", "ready"} <= set(dir(made))
    assert "Norm" not in dir(made)
    assert "some_layers.heavy" not in sys.modules  # listing imports nothing
    conv = made.Conv
    heavy = sys.modules["some_layers.heavy"]
    assert conv is heavy.Conv
    assert made.LayerNorm is heavy.Norm
    assert vars(made)["Conv"] is conv  # found once
    assert made.heavy is heavy


def test_a_room_alone_is_imported_when_used(package: str) -> None:
    made = importlib.import_module(package)
    assert isinstance(made.heavy, ModuleType)
    assert made.heavy.__name__ == "some_layers.heavy"


def test_what_is_not_there(package: str) -> None:
    made = importlib.import_module(package)
    with pytest.raises(AttributeError, match="module 'some_layers' has no attribute 'Konv'"):
        _ = made.Konv
    with pytest.raises(AttributeError, match="has no attribute 'gone'"):  # in the block only
        _ = made.gone
    assert not hasattr(made, "__wrapped__")
    assert not hasattr(made, "Norm")
    with pytest.raises(ImportError, match=r"source of 'no_such_package'.*\.py files"):
        lazy_names("no_such_package")[0]("Conv")


def test_an_error_while_importing_is_not_hidden(package: str, tmp_path: Path) -> None:
    (tmp_path / "some_layers" / "heavy.py").write_text("import no_such_module_at_all\n")
    made = importlib.import_module(package)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        _ = made.Conv


@pytest.mark.parametrize("name", LAZY)
def test_every_name_of_a_lazy_package_is_listed_and_leads_somewhere(name: str) -> None:
    made = importlib.import_module(name)
    rooms = {module.name for module in pkgutil.iter_modules(made.__path__)}
    assert set(made.__all__) <= set(dir(made))
    assert len(set(made.__all__)) == len(made.__all__)
    for attribute in made.__all__:
        value = getattr(made, attribute)
        # A module of the same name as a class or function would take its place once imported.
        assert isinstance(value, ModuleType) == (attribute in rooms), attribute


@pytest.mark.parametrize("name", LAZY)
def test_type_checkers_see_every_name(name: str) -> None:
    """What is public is imported for type checkers, or defined in the package itself."""
    made = importlib.import_module(name)
    tree = ast.parse(Path(made.__file__).read_text())
    seen = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            seen |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            seen.add(node.name)
    assert set(made.__all__) <= seen


def test_nn_lists_every_layer() -> None:
    """A torch module that a file of ``graphkit.nn`` makes public is in ``graphkit.nn``."""
    import torch

    for found in pkgutil.walk_packages(graphkit.nn.__path__, "graphkit.nn."):
        module = importlib.import_module(found.name)
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            if isinstance(value, type) and issubclass(value, torch.nn.Module):
                assert name in graphkit.nn.__all__, f"{found.name}.{name}"
                assert getattr(graphkit.nn, name) is value


def test_models_lists_every_registered_class_and_its_file() -> None:
    from graphkit import models, registry

    ours = [e for e in registry.entries("model") if e.make.__module__.startswith("graphkit.")]
    assert {entry.name: entry.make.__module__ for entry in ours} == models.REGISTERED
    for entry in ours:
        assert getattr(models, entry.make.__name__) is entry.make
