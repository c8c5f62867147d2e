"""Small signals of PyG Temporal: chickenpox in Hungary, Covid in England, deliveries in London."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.files import BROKEN, mend, open_data
from graphkit.datasets.sensors import Find, seconds, sensors
from graphkit.datasets.source import Source
from graphkit.errors import GraphError

__all__ = ["SOURCES"]

_URL = "https://raw.githubusercontent.com/benedekrozemberczki/pytorch_geometric_temporal/master/dataset/"
_HOME = "https://github.com/benedekrozemberczki/pytorch_geometric_temporal"
_ROZEMBERCZKI = (
    "Rozemberczki et al.: PyTorch Geometric Temporal: Spatiotemporal Signal Processing with Neural "
    "Machine Learning Models. CIKM 2021."
)

SOURCES = (
    Source(
        name="chickenpox",
        title="Weekly cases of chickenpox in the counties of Hungary, 2005 to 2015.",
        file="chickenpox.json",
        urls=(_URL + "chickenpox.json",),
        home=_HOME,
        licence="CC BY 4.0 (UCI)",
        citation="Rozemberczki et al.: Chickenpox Cases in Hungary: a Benchmark Dataset for "
        "Spatiotemporal Signal Processing with Graph Neural Networks. 2021. arXiv 2102.08100.",
        num_nodes=20,
        notes="signal: [521, 20, 1], cases per week, standardised by its authors; weeks from "
        "2005-01-03. Edges: counties that touch, without self loops. node_names: counties.",
    ),
    Source(
        name="england_covid",
        title="Daily cases of Covid-19 in regions of England, with mobility between them.",
        file="england_covid.json",
        urls=(_URL + "england_covid.json",),
        home=_HOME,
        licence="MIT (repository)",
        citation=f"Panagopoulos et al.: Transfer Graph Neural Networks for Pandemic Forecasting. "
        f"AAAI 2021. {_ROZEMBERCZKI}",
        num_nodes=129,
        notes="signal: [61, 129, 1], cases per day; a step is a day. Events: movement between two "
        "regions (and within one) on a day, edge_weight its amount.",
    ),
    Source(
        name="pedalme_london",
        title="Weekly bicycle deliveries in parts of London.",
        file="pedalme_london.json",
        urls=(_URL + "pedalme_london.json",),
        home=_HOME,
        licence="MIT (repository)",
        citation=_ROZEMBERCZKI,
        num_nodes=15,
        notes="signal: [35, 15, 1], deliveries per week, standardised by its authors; a step is a "
        "week. Edges: all pairs, edge_weight their nearness.",
    ),
)


def parse_chickenpox(find: Find, source: Source) -> TemporalGraph:
    """``edges``, ``node_ids`` and ``FX``."""
    path = find(source.file)
    edges, ids, series = _read(path, "edges", "node_ids", "FX")
    edges, signal = _edges(edges, path), _series(series, path)
    edges = edges[:, edges[0] != edges[1]]
    names: list[Any] = [None] * len(ids)
    for name, place in ids.items():
        names[place] = name
    return TemporalGraph(
        *edges,
        np.zeros(edges.shape[1], dtype=np.int64),
        signal=signal,
        signal_t=seconds("2005-01-03", len(signal), 7 * 86_400),
        node_names=names,
        time_unit="s",
        name=source.name,
    )


def parse_covid(find: Find, source: Source) -> TemporalGraph:
    """``edge_mapping`` by day (strings, in any order) and ``y``."""
    path = find(source.file)
    mapping, series = _read(path, "edge_mapping", "y")
    signal = _series(series, path)
    days = sorted(int(day) for day in mapping["edge_index"])
    pairs = [_edges(mapping["edge_index"][str(day)], path) for day in days]
    weight = [np.asarray(mapping["edge_weight"][str(day)], dtype=np.float32) for day in days]
    if [len(w) for w in weight] != [p.shape[1] for p in pairs]:
        raise GraphError(path.name, "a day has not as many weights as edges", fix=mend(path))
    t = np.repeat(days, [p.shape[1] for p in pairs])
    return TemporalGraph(
        *np.concatenate(pairs, axis=1),
        t,
        edge_weight=np.concatenate(weight),
        signal=signal,
        time_unit="step",
        name=source.name,
    )


def parse_pedalme(find: Find, source: Source) -> TemporalGraph:
    """``edges``, ``weights`` and ``X``."""
    path = find(source.file)
    edges, weights, series = _read(path, "edges", "weights", "X")
    edges, weights = _edges(edges, path), np.asarray(weights, dtype=np.float32)
    keep = edges[0] != edges[1]
    return TemporalGraph(
        *edges[:, keep],
        np.zeros(int(keep.sum()), dtype=np.int64),
        edge_weight=weights[keep],
        signal=_series(series, path),
        time_unit="step",
        name=source.name,
    )


def _read(path: Path, *keys: str) -> list[Any]:
    try:
        with open_data(path) as handle:
            found = json.loads(handle.read())
        return [found[key] for key in keys]
    except (*BROKEN, ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise GraphError(
            path.name,
            f"cannot be read ({type(error).__name__}: {error})",
            expected=f"JSON with {', '.join(keys)}",
            fix=mend(path),
        ) from error


def _edges(pairs: Any, path: Path) -> np.ndarray:
    edges = np.asarray(pairs, dtype=np.int64)
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise GraphError(path.name, "not a list of pairs", expected="[[u, v], ...]", fix=mend(path))
    return edges.T


def _series(rows: Any, path: Path) -> np.ndarray:
    try:
        return np.asarray(rows, dtype=np.float32)[:, :, None]
    except (ValueError, TypeError, IndexError) as error:
        raise GraphError(
            path.name, f"the rows form no table ({error})", expected="[T, N]", fix=mend(path)
        ) from error


for _one, _parse in zip(SOURCES, (parse_chickenpox, parse_covid, parse_pedalme)):
    sensors(_one, _parse, {_one.file: _one.urls[0]})
