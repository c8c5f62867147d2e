"""SNAP's temporal networks: one ``SRC DST UNIXTIME`` per line, integers, no header."""

from __future__ import annotations

from pathlib import Path

from graphkit.datasets.source import Events, Source, compact, dataset
from graphkit.datasets.table import Layout, read_table

__all__ = ["SOURCES", "parse"]

LAYOUT = Layout({"src": "int", "dst": "int", "time": "number"}, comment="#")
_URL = "https://snap.stanford.edu/data/"
_LICENCE = "SNAP states none; asks for citation."
_PARANJAPE = (
    "Paranjape, Benson, Leskovec: Motifs in Temporal Networks. WSDM 2017, arXiv 1612.09259."
)

SOURCES = (
    Source(
        name="collegemsg",
        title="Private messages on a social network at UC Irvine (CollegeMsg, 'UCI').",
        file="CollegeMsg.txt.gz",
        urls=(_URL + "CollegeMsg.txt.gz",),
        home=_URL + "CollegeMsg.html",
        licence=_LICENCE,
        citation="Panzarasa, Opsahl, Carley: Patterns and dynamics of users' behavior and "
        "interaction. JASIST 60(5), 2009.",
        sha256="50ae2d98ed3bad9ddb18dbd495a89e5e10cfb8f7e86932827db29fc41b41f9fa",
        num_events=59_835,
        num_nodes=1_899,
    ),
    Source(
        name="email_eu",
        title="E-mails within a European research institution (email-Eu-core-temporal).",
        file="email-Eu-core-temporal.txt.gz",
        urls=(_URL + "email-Eu-core-temporal.txt.gz",),
        home=_URL + "email-Eu-core-temporal.html",
        licence=_LICENCE,
        citation=_PARANJAPE,
        num_events=332_334,
        num_nodes=986,
        notes="Times count from the first e-mail.",
    ),
    Source(
        name="sx_mathoverflow",
        title="Answers and comments among users of MathOverflow (sx-mathoverflow).",
        file="sx-mathoverflow.txt.gz",
        urls=(_URL + "sx-mathoverflow.txt.gz",),
        home=_URL + "sx-mathoverflow.html",
        licence=_LICENCE,
        citation=_PARANJAPE,
        num_events=506_550,
        num_nodes=24_818,
    ),
    Source(
        name="sx_askubuntu",
        title="Answers and comments among users of Ask Ubuntu (sx-askubuntu).",
        file="sx-askubuntu.txt.gz",
        urls=(_URL + "sx-askubuntu.txt.gz",),
        home=_URL + "sx-askubuntu.html",
        licence=_LICENCE,
        citation=_PARANJAPE,
        num_events=964_437,
        num_nodes=159_316,
    ),
    Source(
        name="wiki_talk",
        title="Edits of each other's talk pages by Wikipedia users (wiki-talk-temporal).",
        file="wiki-talk-temporal.txt.gz",
        urls=(_URL + "wiki-talk-temporal.txt.gz",),
        home=_URL + "wiki-talk-temporal.html",
        licence=_LICENCE,
        citation=_PARANJAPE,
        num_events=7_833_140,
        num_nodes=1_140_149,
    ),
)


def parse(path: Path, source: Source) -> Events:
    """Labels to ids; rows as they are."""
    table = read_table(path, LAYOUT)
    (src, dst), labels = compact(table["src"], table["dst"])
    return Events(src, dst, table["time"], labels)


for _source in SOURCES:
    dataset(_source, parse)
