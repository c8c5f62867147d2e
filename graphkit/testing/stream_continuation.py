"""Checks of continued streams: other tables, other containers, new nodes, saved states.

Those checks of :func:`graphkit.testing.check_stream_model` that concern events after the ones a
model was created with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch_geometric.data import TemporalData
from torch_geometric.loader import TemporalDataLoader

from graphkit.data import EventBatch, TemporalGraph
from graphkit.errors import GraphError
from graphkit.testing.model_checks import assert_close
from graphkit.testing.stream_case import Factory, StreamCase
from graphkit.testing.stream_steps import observe, same_state, score, state_of

__all__ = [
    "check_edge_features",
    "check_event_ids",
    "check_growth",
    "check_late_events",
    "check_saved_states",
    "check_tables",
    "check_temporal_data",
]


def _refuses(act: Callable[[], Any], model: nn.Module, what: str) -> None:
    before = state_of(model)
    try:
        act()
    except GraphError:
        same_state(before, state_of(model), f"refusing {what} changes nothing")
        return
    raise AssertionError(f"{what}: not refused with a GraphError")


def check_tables(factory: Factory, case: StreamCase) -> None:
    """A stream in ten tables, with event ids from 0 in each, gives equal bits as one table."""
    case = replace(case, batch_size=-(-case.num_events // 10))
    one, ten, graph = case.model(factory), case.model(factory), case.graph()
    promise = "the same stream in one table and in ten"
    for i, batch in enumerate(case.batches()):
        part = slice(i * case.batch_size, (i + 1) * case.batch_size)
        features = {} if graph.edge_attr is None else {"edge_attr": graph.edge_attr[part]}
        columns = (graph.src[part], graph.dst[part], graph.t[part])
        table = TemporalGraph(*columns, num_nodes=case.num_nodes, **features)
        (again,) = case.batches(table)
        assert int(again.event_id[0]) == 0
        dst = case.candidates(batch)
        assert torch.equal(score(one, batch, dst), score(ten, again, dst)), promise
        one.observe(batch)
        ten.observe(again)
        ten.state_dict()  # reading the state in between changes nothing
    same_state(state_of(one), state_of(ten), promise)


def check_event_ids(factory: Factory, case: StreamCase) -> None:
    """``event_id`` only orders the events of a batch: gaps and offsets have no effect."""
    model, other = case.model(factory), case.model(factory)
    promise = "event ids are an order, not numbers of the stream"
    for batch in case.batches():
        renamed = replace(batch, event_id=batch.event_id * 3 + 10**6)
        assert torch.equal(score(model, batch), score(other, renamed)), promise
        model.observe(batch)
        other.observe(renamed)
    same_state(state_of(model), state_of(other), promise)


def check_temporal_data(factory: Factory, case: StreamCase) -> None:
    """Batches of PyG's ``TemporalDataLoader`` (``msg``, no ids) work like ``EventBatch``."""
    model, other, graph = case.model(factory), case.model(factory), case.graph()
    data = TemporalData(src=graph.src, dst=graph.dst, t=graph.t, msg=graph.edge_attr)
    promise = "TemporalData gives the same as EventBatch"
    for batch, pyg in zip(case.batches(), TemporalDataLoader(data, case.batch_size), strict=True):
        pyg = pyg.to(case.device)
        assert torch.equal(score(model, batch), score(other, pyg)), promise
        model.observe(batch)
        other.observe(pyg)
    same_state(state_of(model), state_of(other), promise)


def check_edge_features(factory: Factory, case: StreamCase) -> None:
    """Features are read from the events, independently of the graph the model was created for.

    A model that reads features has their number in ``edge_dim`` and refuses events without them.
    """
    graph, batches = case.graph(), case.batches()
    first = slice(0, case.batch_size)
    features = {} if graph.edge_attr is None else {"edge_attr": graph.edge_attr[first]}
    columns = (graph.src[first], graph.dst[first], graph.t[first])
    small = TemporalGraph(*columns, num_nodes=case.num_nodes, x=graph.x, **features)
    model, other = case.model(factory), case.model(factory, small)
    other.load_state_dict(state_of(model))
    promise = "the features of an event come with the event"
    for batch in batches:
        assert torch.equal(score(model, batch), score(other, batch)), promise
        model.observe(batch)
        other.observe(batch)
    if not getattr(model, "edge_dim", 0):
        return
    model.reset_state()
    observe(model, batches[:2])
    bare = replace(batches[2], edge_attr=None)
    _refuses(lambda: model.observe(bare), model, "events without features")
    narrow = replace(batches[2], edge_attr=batches[2].edge_attr[:, 1:])
    _refuses(lambda: model.observe(narrow), model, "features of another width")


def check_late_events(factory: Factory, case: StreamCase) -> None:
    """An event earlier than the last observed one is refused, unless the model ``accepts_late``."""
    if torch.device(case.device).type != "cpu":  # on a GPU the check would need a synchronisation
        return
    model, batches = case.model(factory), case.batches()
    observe(model, batches[:3])
    late = batches[0]
    if getattr(model, "accepts_late", False):
        model.observe(late)
        assert bool(score(model, late).isfinite().all()), "a score is not finite"
        return
    _refuses(lambda: model.observe(late), model, "an event earlier than the last one observed")
    model.observe(batches[3])  # the stream continues


def _two_ages(case: StreamCase) -> tuple[int, TemporalGraph, TemporalGraph]:
    """A number of nodes, a stream whose first half stays below it, and a graph of those nodes."""
    graph, few = case.graph(), case.num_nodes // 2 + 1
    early = torch.arange(case.num_events) < case.num_events // 2
    src, dst = (torch.where(early, ends % few, ends) for ends in (graph.src, graph.dst))
    features = {} if graph.edge_attr is None else {"edge_attr": graph.edge_attr}
    whole = TemporalGraph(src, dst, graph.t, num_nodes=case.num_nodes, x=graph.x, **features)
    x = None if graph.x is None else graph.x[:few]
    young = {name: value[:1] for name, value in features.items()}
    small = TemporalGraph([0], [few - 1], graph.t[:1], num_nodes=few, x=x, **young)
    return few, whole, small


def _pair(factory: Factory, case: StreamCase) -> tuple[nn.Module, nn.Module, list[EventBatch], int]:
    """A large model, a small one with the same parameters, batches, and the small node count."""
    few, whole, graph = _two_ages(case)
    large, small = case.model(factory, whole), case.model(factory, graph)
    with torch.no_grad():
        for a, b in zip(large.parameters(), small.parameters(), strict=True):
            b.copy_(a)
    return large, small, case.batches(whole), few


def check_growth(factory: Factory, case: StreamCase) -> None:
    """``grow(num_nodes, x=None)`` adds nodes as if the model had been created with them.

    The state of existing nodes keeps its bits. New nodes of a model with ``x`` come with rows.
    """
    large, small, batches, few = _pair(factory, case)
    graph, half = case.graph(), len(batches) // 2
    promise = "a model that has grown equals one made large"
    for batch in batches[:half]:
        dst = case.candidates(batch) % few
        assert_close(score(large, batch, dst), score(small, batch, dst), promise)
        large.observe(batch)
        small.observe(batch)
    before = state_of(small)
    _refuses(lambda: small.grow(few - 1), small, "fewer nodes")
    has_x = getattr(small, "x", None) is not None
    if has_x:
        _refuses(lambda: small.grow(few + 1), small, "new nodes without features")
    for num_nodes in (few + 1, few + 2, case.num_nodes):  # node by node, then many
        x = graph.x[small.num_nodes : num_nodes].to(case.device) if has_x else None
        small.grow(num_nodes, x=x)
        assert small.num_nodes == num_nodes, "grow leaves num_nodes as it was"
    for name, value in state_of(small).items():
        old = before[name]
        if old.dim() == 0 and int(old) == few and int(value) == case.num_nodes:
            continue  # the number of nodes
        kept = value if old.dim() == 0 else value[: old.shape[0]]
        assert torch.equal(old, kept), f"growing changes '{name}' of nodes that were there"
    same_state(state_of(large), state_of(small), promise, exact=False)
    for batch in batches[half:]:
        dst = case.candidates(batch)
        assert_close(score(large, batch, dst), score(small, batch, dst), promise)
        large.observe(batch)
        small.observe(batch)
    same_state(state_of(large), state_of(small), promise, exact=False)


def check_saved_states(factory: Factory, case: StreamCase) -> None:
    """Loading a state dict grows a smaller model; in a larger one, the extra nodes are new."""
    large, small, batches, _ = _pair(factory, case)
    young = state_of(small)
    observe(large, batches[:-2])
    small.load_state_dict(state_of(large))
    promise = "the state of a model with more nodes makes a smaller one grow"
    assert small.num_nodes == case.num_nodes, promise
    same_state(state_of(large), state_of(small), promise)
    for batch in batches[-2:]:
        assert torch.equal(score(large, batch), score(small, batch)), promise
        large.observe(batch)
        small.observe(batch)
    promise = "the state of a model with fewer nodes leaves the others new"
    fresh = case.model(factory, _two_ages(case)[1])
    fresh.load_state_dict(state_of(large))
    fresh.load_state_dict(young)
    assert fresh.num_nodes == case.num_nodes, promise
    large.reset_state()
    same_state(state_of(large), state_of(fresh), promise)
