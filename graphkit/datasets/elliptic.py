"""Elliptic: Bitcoin transactions in 49 steps, some of them known to be illicit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.files import BROKEN, mend, open_data
from graphkit.datasets.lookup import locate
from graphkit.datasets.source import Source
from graphkit.datasets.undirected import checked
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["PARTS", "SOURCE"]

PARTS = ("features", "edgelist", "classes")
_URL = "https://data.pyg.org/datasets/elliptic/"

SOURCE = Source(
    name="elliptic",
    title="Bitcoin transactions, of which some are known to be licit or illicit (Elliptic).",
    file="elliptic_txs_features.csv.zip",
    urls=(_URL + "elliptic_txs_features.csv.zip",),
    home="https://www.kaggle.com/datasets/ellipticco/elliptic-data-set",
    licence="CC BY-NC-ND 4.0 (Kaggle).",
    citation=(
        "Weber, Domeniconi, Chen, Weidele, Bellei, Robinson, Leiserson: Anti-Money Laundering in "
        "Bitcoin. KDD 2019 workshop, arXiv 1908.02591."
    ),
    num_events=234_355,
    num_nodes=203_769,
    notes=(
        "x: 165 features (float32). y: 1 illicit, 0 licit, -1 not known (int64). An edge is a "
        "flow of coins; time is the step of both ends, 1 to 49. Transactions whose class is not "
        "known stay in the graph."
    ),
)


@register("dataset", "elliptic")
def elliptic(
    root: str | Path | None = None,
    *,
    time_feature: bool = False,
    download: bool = True,
    timeout: float = 10.0,
    progress: bool = True,
    strict: bool = False,
) -> TemporalGraph:
    """Bitcoin transactions, of which some are known to be licit or illicit (Elliptic).

    234,355 edges, 203,769 nodes. x: 165 features (float32). y: 1 illicit, 0 licit, -1 not known
    (int64). An edge is a flow of coins; time is the step of both ends, 1 to 49. Transactions whose
    class is not known stay in the graph. Files: elliptic_txs_{features,edgelist,classes}.csv, plain
    or in a .zip each. Home: https://www.kaggle.com/datasets/ellipticco/elliptic-data-set
    Terms: CC BY-NC-ND 4.0 (Kaggle). Cite: Weber et al., arXiv 1908.02591.

    Args:
        root: Folder searched first (recursively).
        time_feature: Put the number of the step before the features, as the code of EvolveGCN does:
            166 of them. A model can then tell the steps apart, and none of the test was trained on.
        download: Get the official files if they are nowhere at hand.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar while downloading.
        strict: Raise, instead of warning, if the files have not the published size.
    """
    if root is not None and Path(root).is_file():
        root = Path(root).parent
    paths = {}
    for part in PARTS:
        file = f"elliptic_txs_{part}.csv"
        one = dataclasses.replace(
            SOURCE, file=file + ".zip", also=(file,), urls=(f"{_URL}{file}.zip",)
        )
        paths[part] = locate(one, root=root, download=download, timeout=timeout, progress=progress)
    return checked(SOURCE, parse(paths, time_feature), strict)


def parse(paths: dict[str, Path], time_feature: bool = False) -> TemporalGraph:
    """The three files as one graph; nodes in the order of the features."""
    table = _read(paths["features"], None)
    if table.shape[1] < 3:
        raise _wrong(paths["features"], "id, step and features", f"{table.shape[1]} columns")
    names, step = (_numbers(paths["features"], table[i], "int64") for i in (0, 1))
    x = _numbers(paths["features"], table.iloc[:, 1 if time_feature else 2 :], "float32")
    order = np.argsort(names, kind="stable")
    if (twice := names[order][1:] == names[order][:-1]).any():
        raise _wrong(paths["features"], "each transaction once", names[order][1:][twice][0])

    def ids(path: Path, labels: np.ndarray) -> np.ndarray:
        at = np.searchsorted(names[order], labels).clip(max=len(names) - 1)
        known = names[order][at] == labels
        if not known.all():
            raise _wrong(path, f"ids of {paths['features'].name}", labels[~known][0])
        return order[at]

    edges = _read(paths["edgelist"], 0)
    src, dst = (
        ids(paths["edgelist"], _numbers(paths["edgelist"], edges.iloc[:, i], "int64"))
        for i in (0, 1)
    )
    apart = step[src] != step[dst]
    if apart.any():
        raise _wrong(
            paths["edgelist"], "edges inside a step", f"{names[src[apart][0]]} and another step"
        )
    classes = _read(paths["classes"], 0)
    known = {"1": 1, "2": 0, "unknown": -1}
    given = classes.iloc[:, 1].astype(str).str.strip()
    wrong = ~given.isin(known)
    if wrong.any():
        raise _wrong(paths["classes"], "class 1, 2 or unknown", given[wrong].iloc[0])
    y = np.full(len(names), -1, dtype=np.int64)
    rows = ids(paths["classes"], _numbers(paths["classes"], classes.iloc[:, 0], "int64"))
    y[rows] = given.map(known).to_numpy(dtype=np.int64)
    return TemporalGraph(
        src,
        dst,
        step[src],
        x=x,
        y=y,
        num_nodes=len(names),
        node_names=names.tolist(),
        time_unit="step",
        name="elliptic",
    )


def _read(path: Path, header: int | None) -> Any:
    import pandas as pd

    try:
        with open_data(path, "*.csv") as handle:
            return pd.read_csv(handle, header=header)
    except (*BROKEN, OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise GraphError(
            path.name, f"cannot be read ({error})", expected="a CSV file", fix=mend(path)
        ) from error


def _numbers(path: Path, column: Any, dtype: str) -> np.ndarray:
    try:
        return np.ascontiguousarray(column.to_numpy(dtype=dtype))
    except (ValueError, TypeError) as error:
        raise _wrong(path, "numbers", str(error)) from error


def _wrong(path: Path, expected: str, got: Any) -> GraphError:
    return GraphError(path.name, "not Elliptic's file", expected=expected, got=got, fix=mend(path))


elliptic.source = SOURCE
