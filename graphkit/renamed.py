"""Old names of graphkit and their replacements, in one table.

An old name either still works with a ``DeprecationWarning`` that names the new one, or is refused
with an error that names it. A rename only adds a line to :data:`TABLE`. Old names are looked up
for:

- **attribute**, of a module or a class: in the module's ``__getattr__`` (:func:`forwarded`), or in
    the ``__getattr__`` of a class that is decorated with :func:`old_attributes`;
- **module**: by the finder that importing this module appends to :data:`sys.meta_path`;
- **registry**, a registered name: in :func:`graphkit.registry.get` (:func:`registered`);
- **argument**, of a function or constructor that is decorated with :func:`old_arguments`;
- **value**, a string that an argument takes (:func:`value`) or a key of a mapping (:func:`keys`);
- **identity**, a word of the identity that checkpoints compare (:func:`identity`);
- **setting**, a key of a file in ``benchmarks/configs`` or of ``--set`` (:func:`setting`);
- **method**, of a class written by users: in the check that requires the new method
    (:func:`method`).

Files of older versions are read with the argument names of this version, without a warning
(:func:`stored`).
"""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

from graphkit.errors import GraphError

__all__ = [
    "TABLE",
    "Renamed",
    "attribute",
    "forwarded",
    "identity",
    "keys",
    "method",
    "old_arguments",
    "old_attributes",
    "registered",
    "setting",
    "stored",
    "value",
]

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Renamed:
    """One name that was changed.

    Attributes:
        kind: ``"attribute"``, ``"module"``, ``"registry"``, ``"argument"``, ``"value"``,
            ``"identity"``, ``"setting"`` or ``"method"``.
        place: Where the name was used: a module or class, a package, a kind of the registry, the
            qualified name of a function or class, an argument, a scope of settings (``"fit"``,
            ``"task"``, ``"model"`` or the name of a model), or the kind of object that
            has the method.
        old: Old name.
        new: The name now; with its module or package, where that is another one: of an attribute
            of a module in full, of a module from ``place`` on, or in full where that is left.
        refused: Reason why the old name raises an error; ``None`` where it is forwarded.
    """

    kind: str
    place: str
    old: str
    new: str
    refused: str | None = None


_FREE = "it classifies windows of a signal, and so it is called now; the old name is kept free"
_IDENTITY = {
    "part": "recording",
    "parts": "recordings",
    "maxabs, per part": "maxabs, per recording",
    "minmax, per part": "minmax, per recording",
    "none, per part": "none, per recording",
    "standard, per part": "standard, per recording",
    "mean log probability of the windows of a part":
        "mean log probability of the windows of a recording",
    "share of the part's nodes whose largest logit is the true class's, ties shared":
        "share of the subset's nodes whose largest logit is the true class's, ties shared",
    "mean over the part's nodes, natural logarithm":
        "mean over the subset's nodes, natural logarithm",
}  # fmt: skip
_LAYERS = {
    "channel_norm": "norm.channel_norm",
    "class_ids": "inputs.class_ids",
    "max_norm": "norm.max_norm",
    "model_inputs": "inputs.number_types",
    "ordinal_smooth": "losses",
    "reversible_norm": "norm.reversible_norm",
    "sparse_linear": "sparse",
    "static_sizes": "inputs.graph_sizes",
    "tensor_cache": "caching",
}
_STREAM = {
    "growing_rows": "table_rows",
    "node_ids": "queries",
    "pair_shapes": "queries",
    "recency": "time_encoding",
}
TABLE: tuple[Renamed, ...] = (
    Renamed("attribute", "graphkit.tasks", "PartClassification", "RecordingClassification"),
    Renamed("attribute", "graphkit.tasks", "GraphClassification", "WindowClassification", _FREE),
    Renamed("attribute", "graphkit.data.recordings", "PartColumn", "RecordingColumn"),
    Renamed("attribute", "graphkit.data.recordings", "as_parts", "as_recordings"),
    Renamed("attribute", "graphkit.data.recordings", "as_signal_part", "as_signal_recording"),
    Renamed("attribute", "graphkit.data.recordings", "part_bounds", "recording_bounds"),
    Renamed("attribute", "graphkit.data.whole_recordings", "WholeParts", "WholeRecordings"),
    Renamed("attribute", "graphkit.data.whole_recordings", "GivenSplit",
            "graphkit.data.given_split.GivenSplit"),
    Renamed("attribute", "graphkit.data.window_splits", "PartSplit",
            "graphkit.data.recording_splits.RecordingSplit"),
    Renamed("attribute", "graphkit.data.window_splits", "part_values",
            "graphkit.data.recording_splits.recording_values"),
    Renamed("attribute", "graphkit.data.window_splits", "RecordingSplit",
            "graphkit.data.recording_splits.RecordingSplit"),
    Renamed("attribute", "graphkit.data.window_splits", "leave_one_out",
            "graphkit.data.recording_splits.leave_one_out"),
    Renamed("attribute", "graphkit.data.window_splits", "recording_values",
            "graphkit.data.recording_splits.recording_values"),
    Renamed("attribute", "graphkit.metrics.ordinal", "balanced_accuracy",
            "graphkit.metrics.classification.balanced_accuracy"),
    Renamed("attribute", "graphkit.metrics.ordinal", "confusion_matrix",
            "graphkit.metrics.classification.confusion_matrix"),
    Renamed("attribute", "graphkit.metrics.ordinal", "top_k_accuracy",
            "graphkit.metrics.classification.top_k_accuracy"),
    Renamed("attribute", "graphkit.metrics.ordinal", "weighted_f1",
            "graphkit.metrics.classification.weighted_f1"),
    Renamed("attribute", "graphkit.metrics.ordinal", "bootstrap_over_groups",
            "graphkit.metrics.bootstrap.bootstrap_over_groups"),
    Renamed("attribute", "TemporalGraph", "signal_part", "signal_recording"),
    Renamed("attribute", "TemporalGraph", "parts", "recordings"),
    Renamed("attribute", "TemporalGraph", "num_parts", "num_recordings"),
    Renamed("attribute", "Windows", "part", "recording"),
    Renamed("attribute", "WindowQuery", "part", "recording"),
    Renamed("attribute", "WholeRecordings", "part", "recording"),
    Renamed("attribute", "RecordingClassification", "parts", "recordings"),
    Renamed("module", "graphkit.data", "parts", "recordings"),
    Renamed("module", "graphkit.data", "whole_parts", "whole_recordings"),
    *(Renamed("module", "graphkit.nn", old, new) for old, new in _LAYERS.items()),
    *(Renamed("module", "graphkit.nn.stream", old, new) for old, new in _STREAM.items()),
    Renamed("module", "graphkit.engine", "importance", "graphkit.analysis.importance"),
    Renamed("module", "graphkit.engine", "scalp_plot", "graphkit.analysis.scalp"),
    Renamed("argument", "TemporalGraph", "signal_part", "signal_recording"),
    Renamed("argument", "TemporalGraph", "parts", "recordings"),
    Renamed("argument", "TemporalGraph.to_pandas", "part", "table"),
    Renamed("argument", "Scaler", "part", "recording"),
    Renamed("value", "class_names", "parts", "recordings"),
    Renamed("value", "gaps", "restart", "split"),
    Renamed("value", "per", "part", "recording"),
    Renamed("value", "scale_per", "part", "recording"),
    Renamed("value", "within", "part", "recording"),
    # Not "recording": data sets of electrodes have a column of that name, of longer recordings.
    Renamed("value", "column", "part", "number"),
    *(Renamed("identity", "task", old, new) for old, new in _IDENTITY.items()),
    Renamed("registry", "task", "part_classification", "recording_classification"),
    Renamed("registry", "task", "graph_classification", "window_classification", _FREE),
    Renamed("method", "task", "history", "past"),
)  # fmt: skip
"""All old names."""


def attribute(place: str, name: str, above: int = 0) -> str | None:
    """New name of an attribute of a module or class; ``None`` if the name is not an old one.

    Raises:
        GraphError: The old name is refused.
    """
    return _forwarded(_find("attribute", place, name), above)


def forwarded(module: str, name: str) -> Any:
    """Object that an old name of a module refers to, for the module's ``__getattr__``.

    Raises:
        AttributeError: The name is not an old one.
        GraphError: The old name is refused.
    """
    new = attribute(module, name, above=1)
    if new is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    home, _, last = new.rpartition(".")
    return getattr(importlib.import_module(home or module), last)


def old_attributes(place: str) -> Callable[[C], C]:
    """Decorator of a class some of whose attributes had other names.

    Args:
        place: Its name in the table.
    """

    def decorate(cls: C) -> C:
        def __getattr__(self: Any, name: str) -> Any:
            new = attribute(place, name)
            if new is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(self, new)

        cls.__getattr__ = __getattr__
        return cls

    return decorate


def value(place: str, given: Any, above: int = 0) -> Any:
    """New name of the value of an argument; unchanged if it is not an old name.

    Args:
        place: Name of the argument.
        given: Any value; only strings have old names.
        above: Number of frames between the caller of this function and the frame to warn.

    Raises:
        GraphError: The old name is refused.
    """
    if not isinstance(given, str):
        return given
    return _forwarded(_find("value", place, given), above) or given


def keys(place: str, given: Mapping[Any, Any]) -> dict[Any, Any]:
    """Rename the keys of a mapping that, up to a dot, may be old values of an argument."""
    found = {}
    for key, content in given.items():
        head, dot, rest = key.partition(".") if isinstance(key, str) else (key, "", "")
        found[value(place, head, above=1) + dot + rest if dot else key] = content
    return found


def identity(saved: Any) -> Any:
    """Identity of a checkpoint, in the names of this version."""
    if isinstance(saved, dict):
        return {identity(key): identity(content) for key, content in saved.items()}
    if isinstance(saved, (list, tuple)):
        return type(saved)(identity(content) for content in saved)
    entry = _find("identity", "task", saved) if isinstance(saved, str) else None
    return saved if entry is None else entry.new


def stored(place: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """Values that an older version stored by argument names, by those of this version.

    In a key with a dot, such as ``"parts.y"``, the first word is the name of an argument.
    """
    found = {}
    for key, content in written.items():
        head, dot, rest = key.partition(".")
        entry = _find("argument", place, head)
        found[(head if entry is None else entry.new) + dot + rest] = content
    return found


def registered(kind: str, name: str) -> str:
    """New form of a registered name; unchanged if it is not an old name.

    Raises:
        GraphError: The old name is refused.
    """
    return _forwarded(_find("registry", kind, name)) or name


def setting(scopes: tuple[str, ...], name: str) -> str:
    """New name of a setting; unchanged if it is not an old name.

    Args:
        scopes: Scopes that may contain the setting: ``"fit"``, ``"task"``, ``"model"``, a model's
            name.
        name: The key, without its scope.

    Raises:
        GraphError: The old name is refused.
    """
    found = (_find("setting", scope, name) for scope in scopes)
    return _forwarded(next(filter(None, found), None)) or name


def method(place: str, thing: Any) -> Renamed | None:
    """The old method that an object still has in place of the new one, if there is one."""
    for entry in TABLE:
        listed = (entry.kind, entry.place) == ("method", place)
        if listed and hasattr(thing, entry.old) and not hasattr(thing, entry.new):
            return entry
    return None


def old_arguments(place: str) -> Callable[[F], F]:
    """Decorator of a function or constructor some of whose arguments had other names.

    Args:
        place: Its name in the table, such as ``"fit"`` or ``"TemporalGraph.windows"``.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **_arguments(place, kwargs))

        return call  # type: ignore[return-value]

    return decorate


def _arguments(place: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments under the names of this version.

    Raises:
        GraphError: An old name is refused, or both names are given.
    """
    renamed: dict[str, Any] = {}
    for name, value in given.items():
        new = _forwarded(_find("argument", place, name)) or name
        if new in renamed or (new != name and new in given):
            raise GraphError(new, f"it is given twice: {name!r} is its old name")
        renamed[new] = value
    return renamed


def _find(kind: str, place: str, name: str) -> Renamed | None:
    for entry in TABLE:
        if (entry.kind, entry.place, entry.old) == (kind, place, name):
            return entry
    return None


def _forwarded(entry: Renamed | None, above: int = 0) -> str | None:
    if entry is None:
        return None
    if entry.refused is not None:
        raise GraphError(entry.old, entry.refused, fix=f"Use {entry.new}.")
    warnings.warn(
        f"{entry.old} ({entry.kind} of {entry.place}) is called {entry.new} now",
        DeprecationWarning,
        stacklevel=4 + above,
    )
    return entry.new


class _OldModules(MetaPathFinder, Loader):
    """Finds modules by their old names, where no other finder finds one."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        place, _, old = name.rpartition(".")
        if not place or _find("module", place, old) is None:
            return None
        return ModuleSpec(name, self)

    def exec_module(self, module: ModuleType) -> None:
        place, _, old = module.__name__.rpartition(".")
        name = _forwarded(_find("module", place, old), -1)
        new = importlib.import_module(name if name.startswith("graphkit.") else f"{place}.{name}")
        module.__getattr__ = functools.partial(getattr, new)  # type: ignore[method-assign]


if not any(type(finder).__name__ == _OldModules.__name__ for finder in sys.meta_path):
    sys.meta_path.append(_OldModules())
