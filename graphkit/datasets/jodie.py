"""JODIE's four user-item streams: ``user,item,time,state_label,features...`` with a header.

The header has five names whatever the number of features. Users and items are both numbered from
0 in the files: here items come after the users.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphkit.datasets.source import Events, Source, compact, dataset
from graphkit.datasets.table import Layout, read_table
from graphkit.errors import GraphError

__all__ = ["SOURCES", "parse"]

LAYOUT = Layout(
    {"user_id": "int", "item_id": "int", "timestamp": "number", "state_label": "number"},
    separator=",",
    header=True,
    features=True,
)
_URL = "https://snap.stanford.edu/jodie/"
_CITATION = (
    "Kumar, Zhang, Leskovec: Predicting Dynamic Embedding Trajectory in Temporal "
    "Interaction Networks. KDD 2019, arXiv 1908.01207."
)
_NOTES = (
    "src: users, ids from 0. dst: items, ids from the number of users on. node_type: 0 user, "
    "1 item. edge_attr: float32 features, if the file has them. Times count from the first event."
)


def _source(name: str, title: str, num_events: int, num_nodes: int, label: str) -> Source:
    return Source(
        name=name,
        title=title,
        file=f"{name}.csv",
        urls=(f"{_URL}{name}.csv",),
        home=_URL,
        licence="JODIE states none.",
        citation=_CITATION,
        max_bytes=4 << 30,
        without_features=(f"{name}_nofeat.csv",),
        num_events=num_events,
        num_nodes=num_nodes,
        notes=f"{_NOTES} edge_y: 1 if the user {label}, else 0 (int64).",
    )


SOURCES = (
    _source(
        "wikipedia",
        "Edits of Wikipedia pages in one month (JODIE).",
        157_474,
        9_227,
        "was banned after this edit",
    ),
    _source(
        "reddit",
        "Posts of Reddit users to subreddits in one month (JODIE).",
        672_447,
        10_984,
        "was banned after this post",
    ),
    _source(
        "mooc",
        "Actions of students in an online course (JODIE).",
        411_749,
        7_144,
        "dropped out after this action",
    ),
    _source(
        "lastfm",
        "Songs listened to on LastFM in one month (JODIE).",
        1_293_103,
        1_980,
        "changes state (never, in this set)",
    ),
)


def parse(path: Path, source: Source, *, features: bool | None = None) -> Events:
    """Users from 0, items after them.

    Args:
        features: ``True``: with the feature columns, and no file without them will do.
            ``None``: with them if the file found first has them. ``False``: without.
    """
    table = read_table(path, LAYOUT, features=features is not False)
    if features and "features" not in table:
        raise GraphError(
            path.name,
            "the rows have no feature columns",
            expected="more than 4 fields per row",
            fix=f"Get {source.urls[0]}, or pass features=False.",
        )
    (src,), users = compact(table["user_id"])
    (dst,), items = compact(table["item_id"])
    names = np.concatenate(
        [np.char.add("user ", users.astype(str)), np.char.add("item ", items.astype(str))]
    )
    columns = {
        "edge_attr": table.get("features"),
        "edge_y": table["state_label"],
        "node_type": np.repeat(np.arange(2), [len(users), len(items)]),
    }
    return Events(src, dst + len(users), table["timestamp"], names, columns)


for _each in SOURCES:
    dataset(_each, parse)
