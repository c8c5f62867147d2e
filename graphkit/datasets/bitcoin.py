"""Who trusts whom on two Bitcoin markets: ``SOURCE,TARGET,RATING,TIME`` per line, no header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphkit.datasets.source import Events, Source, compact, dataset
from graphkit.datasets.table import Layout, read_table

__all__ = ["SOURCES", "parse"]

LAYOUT = Layout({"src": "int", "dst": "int", "rating": "real", "time": "number"}, separator=",")
_URL = "https://snap.stanford.edu/data/"
_NOTES = (
    "edge_weight: the rating, -10..10 without 0 (float32). edge_y: its sign as a class, "
    "1 trust, 0 distrust (int64)."
)
_CITATION = "Kumar, Spezzano, Subrahmanian, Faloutsos: Edge Weight Prediction in Weighted Signed "
_CITATION += "Networks. ICDM 2016."

SOURCES = (
    Source(
        name="bitcoin_otc",
        title="Trust ratings among users of Bitcoin OTC (soc-sign-bitcoin-otc).",
        file="soc-sign-bitcoinotc.csv.gz",
        urls=(_URL + "soc-sign-bitcoinotc.csv.gz",),
        home=_URL + "soc-sign-bitcoin-otc.html",
        licence="SNAP states none; asks for citation.",
        citation=_CITATION,
        sha256="6424ac981dad3a019f697fc1b9fcd85c19d8d9f039797758e9ffb6fea100c373",
        num_events=35_592,
        num_nodes=5_881,
        notes=_NOTES + " Times are fractions of seconds and stay float64.",
    ),
    Source(
        name="bitcoin_alpha",
        title="Trust ratings among users of Bitcoin Alpha (soc-sign-bitcoin-alpha).",
        file="soc-sign-bitcoinalpha.csv.gz",
        urls=(_URL + "soc-sign-bitcoinalpha.csv.gz",),
        home=_URL + "soc-sign-bitcoin-alpha.html",
        licence="SNAP states none; asks for citation.",
        citation=_CITATION,
        sha256="3a178611b9c2f39c9a0dc75936f28557317f1733319b49da4838232b3757cd76",
        num_events=24_186,
        num_nodes=3_783,
        notes=_NOTES + " The file is not in order of time; the graph is.",
    ),
)


def parse(path: Path, source: Source) -> Events:
    """Labels to ids, ratings to weights and signs."""
    table = read_table(path, LAYOUT)
    (src, dst), labels = compact(table["src"], table["dst"])
    rating = table["rating"]
    columns = {
        "edge_weight": rating.astype(np.float32),
        "edge_y": (rating > 0).astype(np.int64),
    }
    return Events(src, dst, table["time"], labels, columns)


for _source in SOURCES:
    dataset(_source, parse)
