"""Tables and graphs with names of every kind, drawn by hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from graphkit import TemporalGraph

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=4).filter(
    lambda text: not text.strip().strip("-").isdigit()
)
kinds = [
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 5),
    st.integers(2**53 - 1, 2**53 + 2),
    st.integers(0, 2**64 - 1),
    st.sampled_from(
        ["NA", "null", "nan", "None", "007", "7", "07", "é", 'q"', "a,b", "x\ny", "x\r"]
    ),
    texts,
    st.floats(-1e6, 1e6).map(lambda value: value + 0.25),
    st.one_of(st.integers(0, 3), texts),
]


@st.composite
def tables(draw: Any, min_rows: int = 1, max_rows: int = 12) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A table of events and the arguments that read it."""
    rows = draw(st.integers(min_rows, max_rows))
    bipartite = draw(st.booleans())
    kind = draw(st.sampled_from(kinds))
    other = draw(st.sampled_from(kinds)) if bipartite else kind
    many = {"min_size": rows, "max_size": rows}
    frame = pd.DataFrame(
        {
            "user": pd.Series(draw(st.lists(kind, **many)), dtype=object),
            "item": pd.Series(draw(st.lists(other, **many)), dtype=object),
            "price": np.array(draw(st.lists(st.floats(-5, 5, width=32), **many)), dtype="float32"),
            "count": draw(st.lists(st.integers(-9, 9), **many)),
            "kind": draw(st.lists(st.sampled_from(["buy", "sell", "look"]), **many)),
        }
    )
    clock = draw(st.sampled_from(["int", "float", "dates", "zone"]))
    if clock == "float":
        frame["at"] = draw(st.lists(st.floats(-1e9, 1e9), **many))
    else:
        frame["at"] = draw(st.lists(st.integers(-(10**9), 10**9), **many))
    if clock in ("dates", "zone"):
        frame["at"] = pd.to_datetime(frame["at"], unit="s")
    if clock == "zone":
        frame["at"] = frame["at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    options: dict[str, Any] = {"src": "user", "dst": "item", "time": "at", "bipartite": bipartite}
    if draw(st.booleans()):
        options["edge_attr"] = draw(st.sampled_from([["price", "count"], ["count"], "price"]))
    if draw(st.booleans()):
        options["edge_y"] = "kind"
    if draw(st.booleans()):
        options["edge_weight"] = "price"
    return frame, options


def labels(graph: TemporalGraph, ids: Any) -> list[Any]:
    """The labels of nodes, as Python values."""
    names = graph.node_names.tolist()
    return [names[i] for i in ids.tolist()]
