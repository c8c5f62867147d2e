"""Replies on Digg, from KONECT: ``FROM TO WEIGHT TIME`` per line, ``%`` starts a comment."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphkit.datasets.files import is_archive
from graphkit.datasets.source import Events, Source, compact, dataset
from graphkit.datasets.table import Layout, read_table

__all__ = ["SOURCE", "parse"]

LAYOUT = Layout({"src": "int", "dst": "int", "weight": "real", "time": "number"}, comment="%")

SOURCE = Source(
    name="digg",
    title="Replies among users of the news site Digg (KONECT munmun_digg_reply).",
    file="download.tsv.munmun_digg_reply.tar.bz2",
    urls=("http://konect.cc/files/download.tsv.munmun_digg_reply.tar.bz2",),
    home="http://konect.cc/networks/munmun_digg_reply/",
    licence="KONECT; asks for citation.",
    citation="Kunegis: KONECT, The Koblenz Network Collection. WWW 2013 Companion.",
    also=("out.munmun_digg_reply",),
    member="out.munmun_digg_reply",
    num_events=87_627,
    num_nodes=30_398,
    notes="The file is not in order of time; the graph is. Some users reply to themselves.",
)


def parse(path: Path, source: Source) -> Events:
    """Labels to ids; a weight that is 1 everywhere says nothing and is left out."""
    table = read_table(path, LAYOUT, source.member if is_archive(path) else None)
    (src, dst), labels = compact(table["src"], table["dst"])
    weight = table["weight"]
    columns = {} if np.all(weight == 1) else {"edge_weight": weight.astype(np.float32)}
    return Events(src, dst, table["time"], labels, columns)


dataset(SOURCE, parse)
