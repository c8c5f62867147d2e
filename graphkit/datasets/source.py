"""What a published data set is, and the one way from its file to a :class:`TemporalGraph`."""

from __future__ import annotations

import inspect
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.lookup import locate
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["Events", "Source", "compact", "dataset"]


@dataclass(frozen=True)
class Source:
    """A published data set.

    Args:
        name: Name in the registry.
        title: One line: what an event is.
        file: Name of the official file.
        urls: Where it is, in the order to try. Empty: cannot be downloaded.
        home: Page that describes it.
        licence: Its terms.
        citation: What its authors ask to cite.
        sha256: Hash of the official file, where that is known for certain.
        max_bytes: More than the official file can have, where that is above a gibibyte.
        also: Other names under which the same rows are found (an unpacked archive).
        without_features: Names of copies that lack the feature columns.
        member: The member that holds the rows if the official file is an archive.
        num_events, num_nodes: Published sizes, if they are fixed; checked after reading.
        notes: What a user should know about the columns.
    """

    name: str
    title: str
    file: str
    urls: tuple[str, ...]
    home: str
    licence: str
    citation: str
    sha256: str | None = None
    max_bytes: int | None = None
    also: tuple[str, ...] = ()
    without_features: tuple[str, ...] = ()
    member: str | None = None
    num_events: int | None = None
    num_nodes: int | None = None
    notes: str = ""


@dataclass
class Events:
    """What a parser returns: ids ``0..N-1``, times, and the optional columns of the graph."""

    src: np.ndarray
    dst: np.ndarray
    t: np.ndarray
    node_names: np.ndarray
    columns: dict[str, Any] = field(default_factory=dict)


def compact(*columns: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Number the labels in some int64 columns from 0, in increasing order of label.

    Returns:
        The columns as ids, and the labels ``[N]``: ``labels[ids]`` is the column again.
    """
    low = min(int(column.min()) for column in columns)
    high = max(int(column.max()) for column in columns)
    if low >= 0 and high < 16 * sum(map(len, columns)) + 1024:
        seen = np.zeros(high + 1, dtype=bool)
        for column in columns:
            seen[column] = True
        ids = np.cumsum(seen) - 1
        return [ids[column] for column in columns], np.flatnonzero(seen)
    labels, inverse = np.unique(np.concatenate(columns), return_inverse=True)
    return np.split(inverse, np.cumsum([len(column) for column in columns])[:-1]), labels


_COMMON = """
    Args:
        root: File, or folder searched first (recursively).
        download: Get the official file if it is nowhere at hand.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar while downloading.
        strict: Raise, instead of warning, if the file has not the published size.
        self_loops: Keep events from a node to itself."""


def dataset(source: Source, parse: Callable[..., Events]) -> Callable[..., TemporalGraph]:
    """Register ``parse(path, source, **options)`` as the loader of a published data set."""
    own = [
        p
        for p in inspect.signature(parse).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    ]

    def load(
        root: str | Path | None = None,
        *,
        download: bool = True,
        timeout: float = 10.0,
        progress: bool = True,
        strict: bool = False,
        self_loops: bool = True,
        **options: Any,
    ) -> TemporalGraph:
        # A copy without features will do unless features are asked for.
        reduced = () if options.get("features") else source.without_features
        path = locate(
            source, reduced, root=root, download=download, timeout=timeout, progress=progress
        )
        events = parse(path, source, **options)
        _check_size(source, path, events, strict)
        return _graph(source, events, self_loops)

    load.__module__ = parse.__module__
    load.__name__ = load.__qualname__ = source.name
    signature = inspect.signature(load)
    common = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    load.__signature__ = signature.replace(parameters=common + own)
    load.__doc__ = _describe(source, parse)
    load.source = source
    return register("dataset", source.name)(load)


def _describe(source: Source, parse: Callable[..., Events]) -> str:
    options = inspect.getdoc(parse) or ""
    extra = options.partition("Args:")[2].strip("\n")
    indented = "".join(f"\n    {line}" for line in extra.splitlines()) if extra else ""
    size = ""
    if source.num_events:
        size = f"{source.num_events:,} events, {source.num_nodes:,} nodes. "
    paragraphs = (
        f"{size}{source.notes}".strip(),
        f"File: {source.file}. Home: {source.home}",
        f"Terms: {source.licence}",
        f"Cite: {source.citation}",
    )
    lines = "\n".join(
        textwrap.fill(
            text,
            width=100,
            initial_indent="    ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for text in paragraphs
    )
    return f"{source.title}\n\n{lines}\n{_COMMON}{indented}\n"


def _check_size(source: Source, path: Path, events: Events, strict: bool) -> None:
    for what, expected, got in (
        ("events", source.num_events, len(events.src)),
        ("nodes", source.num_nodes, len(events.node_names)),
    ):
        if expected is not None and got != expected:
            error = GraphError(
                source.name,
                f"{path} is not the published data set (cut short, or another version?)",
                expected=f"{expected} {what}",
                got=got,
                fix=f"Get it again: {source.urls[0] if source.urls else source.home}",
            )
            if strict:
                raise error
            warnings.warn(str(error), UserWarning, stacklevel=4)
            return


def _graph(source: Source, events: Events, self_loops: bool) -> TemporalGraph:
    src, dst, t, columns = events.src, events.dst, events.t, dict(events.columns)
    if not self_loops:
        keep = src != dst
        src, dst, t = src[keep], dst[keep], t[keep]
        for name in ("edge_attr", "edge_y", "edge_weight", "edge_type"):
            if columns.get(name) is not None:
                columns[name] = columns[name][keep]
    return TemporalGraph(
        src,
        dst,
        t,
        num_nodes=len(events.node_names),
        node_names=events.node_names,
        time_unit="s",
        name=source.name,
        **columns,
    )
