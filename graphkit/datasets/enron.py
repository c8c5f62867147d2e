"""Enron's e-mails in the processed form of the TGN family: ``,u,i,ts,label,idx`` with a header."""

from __future__ import annotations

from pathlib import Path

from graphkit.datasets.files import is_archive
from graphkit.datasets.source import Events, Source, compact, dataset
from graphkit.datasets.table import Layout, read_table

__all__ = ["SOURCE", "parse"]

LAYOUT = Layout(
    {"row": "skip", "u": "int", "i": "int", "ts": "number", "label": "number", "idx": "skip"},
    separator=",",
    header=True,
)

SOURCE = Source(
    name="enron",
    title="E-mails among 184 people at Enron (as in CAWN, NAT, DyGLib).",
    file="enron.zip",
    urls=("https://zenodo.org/records/7213796/files/enron.zip?download=1",),
    home="https://zenodo.org/records/7213796",
    licence="CC BY 4.0 (Zenodo); the corpus is public record.",
    citation="Poursafaei, Huang, Pelrine, Rabbany: Towards Better Evaluation for Dynamic Link "
    "Prediction. NeurIPS 2022 Datasets and Benchmarks, arXiv 2207.10128.",
    also=("ml_enron.csv",),
    member="ml_enron.csv",
    num_events=125_235,
    num_nodes=184,
    notes="Not bipartite: senders and receivers share ids. Times count from the first e-mail. "
    "edge_y: the label column, always 0 (int64).",
)


def parse(path: Path, source: Source) -> Events:
    """Labels to ids; whole float seconds to int64."""
    table = read_table(path, LAYOUT, source.member if is_archive(path) else None)
    (src, dst), labels = compact(table["u"], table["i"])
    return Events(src, dst, table["ts"], labels, {"edge_y": table["label"]})


dataset(SOURCE, parse)
