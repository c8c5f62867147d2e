"""The errors of graphkit: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = [
    "DISTRIBUTION",
    "DatasetNotFoundError",
    "GraphError",
    "GraphWarning",
    "MissingFileError",
    "MissingPackageError",
    "UnknownNameError",
    "install_command",
    "require",
]

DISTRIBUTION = "graphkit-temporal"
"""Graphkit's name on the package index, where ``graphkit`` is another project."""


class GraphError(ValueError):
    """Data or an argument that graphkit cannot use.

    Args:
        column: The column or argument that is wrong, such as ``"dst"``.
        problem: What is wrong with it.
        row: First invalid row, if the problem is in a row.
        expected: Expected value.
        got: Value that was found.
        fix: What the caller can do about it.
    """

    def __init__(
        self,
        column: str,
        problem: str,
        *,
        row: int | None = None,
        expected: Any = None,
        got: Any = None,
        fix: str | None = None,
    ) -> None:
        self.column = column
        self.problem = problem
        self.row = row
        self.expected = expected
        self.got = got
        self.fix = fix
        where = f"'{column}'" if row is None else f"'{column}', row {row}"
        parts = [f"{where}: {problem}"]
        if expected is not None:
            parts.append(f"expected {expected}")
        if got is not None:
            parts.append(f"got {got}")
        message = "; ".join(parts) + "."
        if fix:
            message += f" {fix}"
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(cls: type[GraphError], args: tuple[Any, ...], state: dict[str, Any]) -> GraphError:
    # Only the class that owns the memory layout may make an instance without its arguments.
    error = (OSError if issubclass(cls, OSError) else ValueError).__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class UnknownNameError(GraphError, KeyError):
    """The name of a model, data set, encoder or option that is not registered."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        known = sorted(known)
        close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
        super().__init__(
            kind,
            f"there is no {kind} named {name!r}",
            fix=f"{hint}Known: {', '.join(known) if known else 'none'}.",
        )
        self.name = name
        self.known = known

    __str__ = ValueError.__str__  # KeyError would print the repr of the message


class MissingPackageError(GraphError, ImportError):
    """An optional package that is absent or broken."""

    def __init__(self, package: str, extra: str | None, cause: BaseException | None = None) -> None:
        broken = cause is not None and not _says_absent(cause, package)
        state = "is not installed"
        if broken:
            state = f"is installed but cannot be loaded ({type(cause).__name__}: {cause})"
        how = install_command(extra) if extra else f"pip install {package}"
        extra_hint = ""
        if isinstance(cause, (OSError, ImportError)) and broken:
            import torch

            extra_hint = f" Its binaries must match torch {torch.__version__}."
        super().__init__(package, f"this optional package {state}", fix=f"Run {how}.{extra_hint}")
        self.package = package
        self.extra = extra


def _says_absent(cause: BaseException, package: str) -> bool:
    """Whether the package itself is missing, rather than one of its dependencies."""
    if not isinstance(cause, ModuleNotFoundError):
        return False
    return cause.name is None or package == cause.name or package.startswith(f"{cause.name}.")


class GraphWarning(UserWarning):
    """Warning that data is used in a way that the caller may not expect."""


class MissingFileError(GraphError, FileNotFoundError):
    """A file that is not there, or is a folder."""

    def __init__(self, path: object) -> None:
        path = Path(str(path))
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, near, n=1)
        hint = f"Did you mean {str(path.parent / close[0])!r}?" if close else None
        if path.is_dir():
            problem, hint = "this is a folder, not a file", None
        elif not path.parent.is_dir():
            problem = f"there is no such file, nor the folder {str(path.parent)!r}"
        else:
            problem = "there is no such file"
        super().__init__(str(path), problem, fix=hint)


class DatasetNotFoundError(GraphError, FileNotFoundError):
    """A data set that is neither available locally nor downloadable."""


def install_command(extra: str) -> str:
    """The command that installs an extra of graphkit."""
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def require(package: str, extra: str | None = None) -> ModuleType:
    """Import an optional package.

    Args:
        package: Dotted module name.
        extra: The extra of graphkit that installs it.

    Raises:
        MissingPackageError: The package is absent, or its binaries cannot be loaded.
    """
    try:
        return importlib.import_module(package)
    except Exception as error:  # binaries of another build fail in every way at import
        raise MissingPackageError(package, extra, error) from error
