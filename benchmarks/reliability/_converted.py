"""Cases of graphs that other libraries hold, for the class ``data_in``."""

from __future__ import annotations

import math
from typing import Any

import networkx
import pandas
import torch
from torch_geometric.data import Data, TemporalData

from benchmarks.reliability._case import REFUSED, RIGHT, Case, refused
from benchmarks.reliability._graphs import random_graph
from graphkit import TemporalGraph

__all__ = ["edited_frames", "networkx_graphs", "pyg_objects"]

_JUNK: list[Any] = [None, -1, 2**70, math.nan, math.inf, "x", "", [], {}, [1, 2, 3], object, True]
_NO_TIMES = [None, math.nan, math.inf, "later"]


def networkx_graphs(case: Case) -> str:
    """Graphs of networkx, with the facts that this library keeps in them changed or not."""
    graph, _ = random_graph(case)
    theirs = graph.to_networkx()
    edges = list(theirs.edges(data=True))
    way = case.draw.choice(
        ["whole", "facts", "fact", "column", "time", "attribute", "relabel", "value"]
    )
    reason = None
    if way == "facts":
        theirs.graph["graphkit"] = case.draw.choice(_JUNK)
    elif way == "fact":
        facts = theirs.graph["graphkit"]
        facts[case.draw.choice([*facts, "new"])] = case.draw.choice(_JUNK)
    elif way == "column":
        columns = [value for value in theirs.graph["graphkit"].values() if isinstance(value, dict)]
        if columns:
            column = case.draw.choice(columns)
            column[case.draw.choice(sorted(column))] = case.draw.choice(_JUNK)
    elif way == "time":
        case.draw.choice(edges)[2]["t"] = case.draw.choice(_NO_TIMES)
        reason = "a time is no number"
    elif way == "attribute":
        told = case.draw.choice(edges)[2]
        del told[case.draw.choice(sorted(told))]
    elif way == "relabel":
        longer = {name: f"{name} of old" for name in theirs if isinstance(name, str)}
        theirs = networkx.relabel_nodes(theirs, longer or {n: n + 1000 for n in theirs})
        edges = list(theirs.edges(data=True))
    elif way == "value":
        told = case.draw.choice(edges)[2]
        key = case.draw.choice(sorted(told.keys() - {"event", "t"}) or ["extra"])
        told[key] = case.draw.choice([0.5, 1.5, math.nan, "x", None, 2**53 + 1, 2**70])
        case.tell(key=key, value=told[key])
    case.tell(way=way, edges=edges, graph=theirs.graph)
    with refused(case, reason is not None, str(reason)) as message:
        again = TemporalGraph.from_networkx(theirs)
    if message:
        return REFUSED
    nodes = list(theirs.nodes) if again.node_names is None else again.node_names.tolist()
    ends = zip(again.src.tolist(), again.dst.tolist(), again.t.tolist())
    got = sorted(repr((nodes[u], nodes[v], t)) for u, v, t in ends)
    expected = sorted(repr((u, v, told["t"])) for u, v, told in edges)
    case.check(got == expected, f"{got}, not {expected}")
    for name in ("edge_weight", "edge_type", "edge_y"):
        column = getattr(again, name)
        if column is not None:
            kept = sorted(map(repr, zip(again.t.tolist(), column.tolist())))
            told = sorted(
                repr((told["t"], type(column[0].item())(told[name]))) for _, _, told in edges
            )
            case.check(kept == told, f"{name}: {kept}, not {told}")
    case.check(again.t.tolist() == sorted(again.t.tolist()), "times are not sorted")
    return RIGHT


def edited_frames(case: Case) -> str:
    """The table of a graph, which knows what it was, edited before it is read again."""
    graph, _ = random_graph(case)
    table = graph.to_pandas()
    facts = dict(table.attrs)
    numbers = [c for c in ("edge_type", "edge_y", "edge_weight") if c in table]
    row = case.draw.randrange(len(table))
    way = case.draw.choice(["shuffle", "drop", "twice", "relabel", "value", "times", "category"])
    if way == "shuffle":
        table = table.sample(frac=1, random_state=case.draw.randrange(99))
    elif way == "drop":
        table = table[table.index != row] if len(table) > 1 else table
    elif way == "twice":
        table = pandas.concat([table, table.iloc[[row]]])
    elif way == "relabel":
        text = isinstance(table["src"].iloc[0], str)
        for end in ("src", "dst"):
            table[end] = [f"{label} of old" if text else label + 1000 for label in table[end]]
    elif way == "value" and numbers:
        name = case.draw.choice(numbers)
        value = case.draw.choice([0.5, -7, math.nan, "x", 2**53 + 1, 2**70])
        table[name] = [value if at == row else old for at, old in enumerate(table[name])]
    elif way == "times":
        table["t"] = [time + 0.25 for time in table["t"]]
    elif way == "category":
        table["src"] = table["src"].astype("category")
    table.attrs = facts
    case.tell(way=way, rows=table.to_dict("list"), names=graph.node_names)
    with refused(case, False) as message:
        again = TemporalGraph.from_pandas(table, "src", "dst", "t")
    if message:
        return REFUSED
    told = table.to_dict("records")
    order = sorted(range(len(told)), key=lambda at: told[at]["t"])
    names = list(range(again.num_nodes)) if again.node_names is None else again.node_names.tolist()
    for place, at in enumerate(order):
        kept = [names[int(ids[place])] for ids in (again.src, again.dst)]
        case.check(kept == [told[at]["src"], told[at]["dst"]], f"row {at}: ends {kept}")
        case.check(float(again.t[place]) == float(told[at]["t"]), f"row {at}: another time")
        for name in numbers:
            column = getattr(again, name)
            value = None if column is None else column[place].item()
            case.check(value == told[at][name], f"row {at}: {name} is {value}")
    return RIGHT


def pyg_objects(case: Case) -> str:
    """``Data`` and ``TemporalData`` with a fault in ids, times, shapes or features, and without."""
    rows, nodes = case.draw.randint(1, 2 * case.size), case.draw.randint(1, 6)
    ends = case.integers(0, nodes, 2, rows)
    t = case.integers(0, 9, rows)
    x = torch.rand(nodes, 2, generator=case.torch)
    weight = torch.rand(rows, generator=case.torch)
    fault = case.draw.choice([None, None, *_FAULTS])
    static, timed = case.chance(0.5), case.chance(0.5)
    row = case.draw.randrange(rows)
    if fault == "negative":
        ends[0, row] = -1
    elif fault == "beyond":
        ends[1, row] = nodes
    elif fault == "fraction":
        ends = ends.double() + 0.5
    elif fault == "time":
        t = t.double()
        t[row] = math.nan
        timed = True
    elif fault == "short":
        t, timed = t[:-1], True
    elif fault == "weight":
        weight[row] = math.inf
    elif fault == "x":
        x[0, 0] = math.nan
    if static:
        data = Data(edge_index=ends, x=x, edge_weight=weight, num_nodes=nodes)
        if timed:
            data.edge_time = t
    else:
        timed = True
        data = TemporalData(src=ends[0], dst=ends[1], t=t, edge_weight=weight)
    options = {} if static else {"num_nodes": nodes, "x": x}
    case.tell(fault=fault, static=static, timed=timed, nodes=nodes)
    case.tell(ends=ends.tolist(), t=t.tolist(), weight=weight.tolist())
    with refused(case, fault is not None, str(fault)) as message:
        graph = TemporalGraph.from_pyg(data, **options)
    if message:
        return REFUSED
    times = t.tolist() if timed else [0] * rows
    order = sorted(range(rows), key=times.__getitem__)
    case.check(graph.src.tolist() == ends[0][order].tolist(), "other sources")
    case.check(graph.dst.tolist() == ends[1][order].tolist(), "other destinations")
    case.check(graph.t.tolist() == [times[i] for i in order], "other times")
    case.check(torch.equal(graph.edge_weight, weight[order]), "other weights")
    case.check(torch.equal(graph.x, x) and graph.num_nodes == nodes, "other nodes")
    return RIGHT


_FAULTS = ("negative", "beyond", "fraction", "time", "short", "weight", "x")
