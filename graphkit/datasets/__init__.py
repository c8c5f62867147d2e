"""The data sets: ``graphkit.load(name)`` finds, downloads and reads one.

Public streams (one file per source) and generated ones. A file is looked for in ``root=``, in the
folder named by the environment variable ``GRAPHKIT_DATA`` (recursively, by its official name;
plain, gzip, xz or bzip2), in the cache (``GRAPHKIT_CACHE``, default ``~/.cache/graphkit``), and is
downloaded into the cache at last.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from graphkit import registry
from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.datasets import (  # imported to register
    as733,
    bitcoin,
    digg,
    dreamer,
    eeg_eye_state,
    eeg_twin,
    eegmmidb,
    elliptic,
    enron,
    generators,
    hangzhou,
    jhmdb,
    jodie,
    metr_la,
    npz_graphs,
    nyc_taxi,
    pems,
    planetoid,
    pygt,
    sbm,
    sensor_ring,
    snap,
    sociopatterns,
    tgcn,
)
from graphkit.datasets.generators import triadic
from graphkit.datasets.source import Source

__all__ = [
    "list_datasets",
    "load",
    "Source",
    "triadic",
    "as733",
    "bitcoin",
    "digg",
    "dreamer",
    "eeg_eye_state",
    "eeg_twin",
    "eegmmidb",
    "elliptic",
    "enron",
    "generators",
    "hangzhou",
    "jhmdb",
    "jodie",
    "metr_la",
    "npz_graphs",
    "nyc_taxi",
    "pems",
    "planetoid",
    "pygt",
    "sbm",
    "sensor_ring",
    "snap",
    "sociopatterns",
    "tgcn",
]


def list_datasets() -> list[str]:
    """The names that :func:`load` knows, sorted."""
    return registry.names("dataset")


def load(name: str, root: str | Path | None = None, **options: Any) -> TemporalGraph:
    """Load a data set as a :class:`~graphkit.TemporalGraph`, its events sorted by time.

    Args:
        name: One of :func:`list_datasets`.
        root: File, or folder searched first (recursively). Generated streams take none.
        options: Of the data set; ``help(graphkit.registry.get("dataset", name))`` lists them.
            All published sets take ``download``, ``timeout`` (seconds), ``progress``,
            ``strict`` and ``self_loops``.

    Raises:
        UnknownNameError: No such data set, or no such option; names the closest.
        DatasetNotFoundError: The file is nowhere at hand and cannot be downloaded; names the
            address, the file that would do and where to put it.
        GraphError: The file is cut short or garbled; names the file, the line and what was
            expected.

    Warns:
        UserWarning: The file has not the published number of events or nodes
            (``strict=True`` raises :class:`GraphError` instead).

    Example:
        >>> graph = graphkit.load("triadic", num_events=1000, num_nodes=100)
        >>> graph.num_events
        1000
    """
    make = registry.get("dataset", name)
    if root is not None:
        options["root"] = root
    known = inspect.signature(make).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        for option in options:
            check_choice(option, f"option of data set {name!r}", known)
    return make(**options)
