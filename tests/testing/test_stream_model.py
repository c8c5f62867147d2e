"""The harness itself: a sound toy model passes, and each kind of broken one is caught."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from graphkit.nn.stream import EventColumns, NodeTables, StreamClock
from graphkit.testing import STREAM_CASES, STREAM_MODEL_CHECKS, StreamCase, check_stream_model


class Sound(NodeTables):
    """Scores a pair by how often, and when last, its ends have been seen, and by features."""

    def __init__(self, graph):
        super().__init__(graph.num_nodes)
        attr = graph.tables.edge_attr
        self.edge_dim = 0 if attr is None else attr.shape[1]
        self.weight = nn.Parameter(torch.randn(1, 4))
        self.stream_clock = StreamClock(graph.t.dtype)
        self.add_table("count")
        self.add_table("last", dtype=torch.int64)
        self.add_table("number", dtype=torch.int64)
        self.add_table("feature")

    @classmethod
    def from_graph(cls, graph):
        return cls(graph)

    def features(self, src: Tensor, dst: Tensor) -> Tensor:
        recent = (self.last[src] > self.last[dst]).to(self.count.dtype)
        age = (self.stream_clock.num_events - self.number[dst]).to(self.count.dtype) / 100
        seen = self.count[src] + self.feature[src]
        return torch.stack([seen, self.count[dst], recent, age], dim=-1)

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        src = src if dst.dim() == 1 else src.unsqueeze(1).expand_as(dst)
        return (self.features(src, dst) @ self.weight.T).squeeze(-1)

    def bits(self, t: Tensor) -> Tensor:
        return t if t.dtype == torch.int64 else t.view(torch.int64)

    def columns(self, batch) -> EventColumns:
        return EventColumns.of(batch, self.edge_dim)

    def numbers(self, events: EventColumns, batch) -> Tensor:
        return self.stream_clock.number(events)

    def observe(self, batch) -> None:
        events = self.columns(batch)
        if len(events) == 0:
            return
        number = self.numbers(events, batch)
        for nodes in (events.src, events.dst):
            self.count.index_add_(0, nodes, torch.ones_like(nodes, dtype=self.count.dtype))
            self.last.scatter_reduce_(0, nodes, self.bits(events.t), "amax")
            self.number.scatter_reduce_(0, nodes, number, "amax")
            if events.edge_attr is not None:
                sums = events.edge_attr.sum(1).to(self.feature.dtype)
                self.feature.scatter_reduce_(0, nodes, sums, "amax")
        self.stream_clock.advance(events)

    def reset_state(self) -> None:
        self.reset_tables()
        self.stream_clock.reset_state()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)


class WritesInScore(Sound):
    def score(self, src, dst, t):
        self.count[src] += 1
        return super().score(src, dst, t)


class ForgetsToReset(Sound):
    def reset_state(self):
        self.count.zero_()


class HidesState(Sound):
    def __init__(self, graph):
        super().__init__(graph)
        self.count = nn.Buffer(self.count, persistent=False)

    def reset_state(self):
        self.count.zero_()
        super().reset_state()


class FloatTime(Sound):
    def bits(self, t):
        return t.to(torch.float32).to(torch.int64)


class FloatBuffer(Sound):
    def __init__(self, graph):
        super().__init__(graph)
        self.last = self.last.double()

    def bits(self, t):
        return t.double()


class LastWriteWins(Sound):
    def observe(self, batch):
        super().observe(batch)
        self.last[batch.src] = batch.t


class LooksAhead(Sound):
    def __init__(self, graph):
        super().__init__(graph)
        self.register_buffer(
            "total", torch.bincount(graph.dst, minlength=graph.num_nodes), persistent=False
        )

    def score(self, src, dst, t):
        return super().score(src, dst, t) + self.total[dst]


class DependsOnOtherRows(Sound):
    def score(self, src, dst, t):
        return super().score(src, dst, t) - super().score(src, dst, t).mean()


class DependsOnOtherColumns(Sound):
    def score(self, src, dst, t):
        out = super().score(src, dst, t)
        return out if out.dim() == 1 else out - out.mean(1, keepdim=True)


class IdleParameter(Sound):
    def __init__(self, graph):
        super().__init__(graph)
        self.idle = nn.Parameter(torch.zeros(2))


class KeepsParameters(Sound):
    def reset_parameters(self):
        pass


class FailsOnEmpty(Sound):
    def observe(self, batch):
        batch.t[0]
        super().observe(batch)


class KeepsGraph(Sound):
    def observe(self, batch):
        super().observe(batch)
        self.count = self.count + 0 * self.weight.sum()


class ShapeOfSource(Sound):
    def score(self, src, dst, t):
        return super().score(src, dst if dst.dim() == 1 else dst[:, 0], t)


class SharedOnCopy(Sound):
    def __deepcopy__(self, memo):
        return self


class HalfState(Sound):
    def observe(self, batch):
        super().observe(batch)
        self.count = (self.count.unsqueeze(1) @ torch.ones(1, 1)).squeeze(1)


class NoSelfLoops(Sound):
    def observe(self, batch):
        super().observe(batch)
        if bool((batch.src == batch.dst).all()) and len(batch) > 1:
            self.count.fill_(float("nan"))


class OneEventIsNaN(Sound):
    def observe(self, batch):
        super().observe(batch)
        if len(batch) == 1:
            self.count[batch.src] = self.count[batch.src] / (batch.t - batch.t)


class NumbersByEventId(Sound):
    """As storage would have it: the id is the event's place in the stream."""

    def numbers(self, events, batch):
        super().numbers(events, batch)
        return batch.event_id + 1


class CountsTables(Sound):
    """Takes a batch whose ids begin at 0 for the beginning of a stream."""

    def observe(self, batch):
        if len(batch.src) and getattr(batch, "event_id", torch.ones(1))[0] == 0:
            self.stream_clock.reset_state()
        super().observe(batch)


class NeedsEventIds(Sound):
    def observe(self, batch):
        assert batch.event_id is not None
        super().observe(batch)


class LooksFeaturesUp(Sound):
    """In the table of the graph that it was made for."""

    def __init__(self, graph):
        super().__init__(graph)
        self.register_buffer("table", graph.tables.edge_attr, persistent=False)

    def columns(self, batch):
        events = super().columns(batch)
        row = batch.event_id.clamp(max=len(self.table) - 1)
        return replace(events, edge_attr=self.table[row])


class ToleratesMissingFeatures(Sound):
    def columns(self, batch):
        return EventColumns.of(batch, 0 if batch.edge_attr is None else self.edge_dim)


class AnswersInSingle(Sound):
    def score(self, src, dst, t):
        return super().score(src, dst, t).float()


class TakesLateEvents(Sound):
    def numbers(self, events, batch):
        number = torch.arange(len(events), device=events.t.device)
        return number + self.stream_clock.num_events


class WritesBeforeItRefuses(Sound):
    def observe(self, batch):
        self.count += 1
        super().observe(batch)


class GrowsWithNoise(Sound):
    def _resize(self, num_nodes):
        held = self.num_nodes
        super()._resize(num_nodes)
        self.count[held:] = 1


class ForgetsWhenItGrows(Sound):
    def _resize(self, num_nodes):
        super()._resize(num_nodes)
        self.count.zero_()


class KeepsItsSize(Sound):
    def _load_from_state_dict(self, state_dict, prefix, *args):
        saved = {k: v[: self.num_nodes] if v.dim() else v for k, v in state_dict.items()}
        saved["node_count"] = self.node_count.clone()
        super()._load_from_state_dict(saved, prefix, *args)


def test_a_sound_model_passes():
    check_stream_model(Sound.from_graph)


BROKEN = {
    "pure": WritesInScore,
    "reset_state": ForgetsToReset,
    "state_dict": HidesState,
    "time": FloatTime,
    "half_precision": FloatBuffer,
    "permutation": LastWriteWins,
    "no_leak": LooksAhead,
    "rows": DependsOnOtherRows,
    "columns": DependsOnOtherColumns,
    "gradients": IdleParameter,
    "reset_parameters": KeepsParameters,
    "empty_batch": FailsOnEmpty,
    "mixed_precision": HalfState,
    "shapes": ShapeOfSource,
    "deepcopy": SharedOnCopy,
    "self_loops": NoSelfLoops,
    "single_events": OneEventIsNaN,
    "tables": CountsTables,
    "event_ids": NumbersByEventId,
    "temporal_data": NeedsEventIds,
    "edge_features": LooksFeaturesUp,
    "late_events": TakesLateEvents,
    "growth": GrowsWithNoise,
    "saved_states": KeepsItsSize,
    "types": AnswersInSingle,
}


@pytest.mark.parametrize("check", STREAM_MODEL_CHECKS)
def test_a_broken_model_is_caught(check: str):
    if check == "devices":
        pytest.skip("needs a GPU to differ")
    case = STREAM_CASES["features" if check == "edge_features" else "plain"]
    with pytest.raises((AssertionError, IndexError, AttributeError)):
        check_stream_model(BROKEN[check].from_graph, case, only=[check])


@pytest.mark.parametrize(
    ("check", "model", "says"),
    [
        ("tables", NumbersByEventId, "in one table and in ten"),
        ("edge_features", ToleratesMissingFeatures, "without features: not refused"),
        ("late_events", WritesBeforeItRefuses, "refusing .* changes nothing"),
        ("growth", ForgetsWhenItGrows, "'count' of nodes that were there"),
    ],
)
def test_other_ways_to_break_a_promise(check: str, model: type[Sound], says: str):
    with pytest.raises(AssertionError, match=says):
        check_stream_model(model.from_graph, STREAM_CASES["features"], only=[check])


def test_a_state_that_holds_a_graph_is_caught():
    with pytest.raises((AssertionError, RuntimeError), match="graph"):
        check_stream_model(KeepsGraph.from_graph, only=["gradients"])


def test_the_stream_has_what_it_promises():
    for case in STREAM_CASES.values():
        graph = case.graph()
        assert (graph.src == graph.dst).any()
        assert graph.t.unique().numel() < len(graph)
        assert {0, case.num_nodes - 1} <= set(graph.src.tolist()) & set(graph.dst.tolist())
        assert graph.t.dtype == case.time_dtype
    assert StreamCase(time_offset=2**40).graph().t_min >= 2**40
