"""Face-to-face contacts in a high school: ``t i j Ci Cj`` per line, no header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphkit.datasets.source import Events, Source, compact, dataset
from graphkit.datasets.table import Layout, read_table
from graphkit.errors import GraphError

__all__ = ["SOURCES", "parse"]

LAYOUT = Layout({"time": "number", "i": "int", "j": "int", "Ci": "text", "Cj": "text"})


def _source(year: int, num_events: int, num_nodes: int, classes: str, clock: str) -> Source:
    file = f"thiers_{year}.csv.gz"
    folder = "www.sociopatterns.org/wp-content/uploads/2015/09/"
    return Source(
        name=f"highschool_{year}",
        title=f"Face-to-face contacts of pupils, Lycée Thiers {year} (SocioPatterns).",
        file=file,
        urls=(f"https://{folder}{file}", f"http://{folder}{file}"),
        home="http://www.sociopatterns.org/datasets/high-school-dynamic-contact-networks/",
        licence="CC BY-NC-SA 3.0.",
        citation="Fournet, Barrat: Contact patterns among high school students. PLoS ONE 9(9), "
        "2014.",
        num_events=num_events,
        num_nodes=num_nodes,
        notes="One event per pair and 20-second interval (t is its end), in the direction of the "
        f"file; contacts have no direction. {clock} y: the class of each pupil, in alphabetical "
        f"order {classes} (int64).",
    )


SOURCES = (
    _source(2011, 28_561, 126, "PC, PC*, PSI*, teacher", "Times are seconds, not Unix times."),
    _source(2012, 45_047, 180, "MP*1, MP*2, PC, PC*, PSI*", "Times are Unix times."),
)


def parse(path: Path, source: Source) -> Events:
    """Labels to ids, classes to node labels."""
    table = read_table(path, LAYOUT)
    (src, dst), labels = compact(table["i"], table["j"])
    classes, code = np.unique(
        np.concatenate([table["Ci"], table["Cj"]]).astype(str), return_inverse=True
    )
    person = np.concatenate([src, dst])
    y = np.zeros(len(labels), dtype=np.int64)
    y[person] = code
    torn = np.flatnonzero(y[person] != code)
    if len(torn):
        who, row = person[torn[0]], torn[0] % len(src)
        raise GraphError(
            path.name,
            f"person {labels[who]} is in two classes",
            row=int(row) + 1,
            expected=str(classes[y[who]]),
            got=str(classes[code[torn[0]]]),
        )
    return Events(src, dst, table["time"], labels, {"y": y})


for _each in SOURCES:
    dataset(_each, parse)
