"""Packages whose names are imported when they are first used, so that importing them stays light.

A package lists its imports once, where type checkers, editors and ruff read them, and passes its
name to :func:`lazy_names` (`PEP 562 <https://peps.python.org/pep-0562/>`_)::

    if TYPE_CHECKING:
        from graphkit.models.stream.nat import NAT

    __all__ = ["NAT"]
    __getattr__, __dir__ = lazy_names(__name__)

The imports are read from the source of the package, as scikit-image's ``lazy_loader`` reads them
from a stub file: a second table of the same names would have to be kept equal to the first.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package, from its block ``if TYPE_CHECKING:``.

    In the block, ``from module import name`` makes ``package.name`` refer to the object in
    ``module``; ``from package import module``, with the package itself, names one of its
    subpackages or modules. A name must differ from the names of the other modules of the package,
    because importing such a module would replace the attribute.

    Args:
        package: ``__name__`` of the package.

    Returns:
        The two functions. A name is imported once and then stays an attribute of the package; a
        name that is not in the block raises an ``AttributeError``.
    """

    @functools.cache
    def homes() -> dict[str, tuple[str, str]]:
        return _typing_imports(package)

    def __getattr__(name: str) -> Any:
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = homes()[name]
        if module == package:
            return importlib.import_module(f"{package}.{original}")
        value = getattr(importlib.import_module(module), original)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes()})

    return __getattr__, __dir__


def _typing_imports(package: str) -> dict[str, tuple[str, str]]:
    """The names imported under ``if TYPE_CHECKING:``, each with its module and its name there."""
    spec = importlib.util.find_spec(package)
    source = None if spec is None else spec.loader.get_source(package)
    if source is None:
        raise ImportError(
            f"the source of {package!r} is not at hand, which names its modules; install graphkit "
            "with its .py files (PyInstaller: module_collection_mode='pyz+py')",
            name=package,
        )
    found = {}
    for block in ast.parse(source).body:
        if not isinstance(block, ast.If) or ast.unparse(block.test) != "TYPE_CHECKING":
            continue
        for line in block.body:
            if isinstance(line, ast.ImportFrom) and line.module and line.module != "typing":
                for alias in line.names:
                    found[alias.asname or alias.name] = (line.module, alias.name)
    return found
