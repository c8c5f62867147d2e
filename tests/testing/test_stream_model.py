"""The harness itself: a sound toy model passes, and each kind of broken one is caught."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphkit.testing import STREAM_CASES, STREAM_MODEL_CHECKS, StreamCase, check_stream_model


class Sound(nn.Module):
    """Scores a pair by how often, and when last, its ends have been seen."""

    time_dtype = torch.int64

    def __init__(self, graph):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 3))
        self.register_buffer("count", torch.zeros(graph.num_nodes))
        self.register_buffer("last", torch.zeros(graph.num_nodes, dtype=torch.int64))

    @classmethod
    def from_graph(cls, graph):
        return cls(graph)

    def features(self, src: Tensor, dst: Tensor) -> Tensor:
        recent = (self.last[src] > self.last[dst]).to(self.count.dtype)
        return torch.stack([self.count[src], self.count[dst], recent], dim=-1)

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        src = src if dst.dim() == 1 else src.unsqueeze(1).expand_as(dst)
        return (self.features(src, dst) @ self.weight.T).squeeze(-1)

    def bits(self, t: Tensor) -> Tensor:
        return t if t.dtype == torch.int64 else t.view(torch.int64)

    def observe(self, batch) -> None:
        for nodes in (batch.src, batch.dst):
            self.count.index_add_(0, nodes, torch.ones_like(nodes, dtype=self.count.dtype))
            self.last.scatter_reduce_(0, nodes, self.bits(batch.t), "amax")

    def reset_state(self) -> None:
        self.count.zero_()
        self.last.zero_()

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


class FloatTime(Sound):
    def bits(self, t):
        return t.to(torch.float32).to(torch.int64)


class FloatBuffer(Sound):
    def __init__(self, graph):
        super().__init__(graph)
        self.last = torch.zeros(graph.num_nodes, dtype=torch.float64)

    def bits(self, t):
        return t.double()


class LastWriteWins(Sound):
    def observe(self, batch):
        super().observe(batch)
        self.last[batch.src] = batch.event_id


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
}


@pytest.mark.parametrize("check", STREAM_MODEL_CHECKS)
def test_a_broken_model_is_caught(check: str):
    if check == "devices":
        pytest.skip("needs a GPU to differ")
    with pytest.raises((AssertionError, IndexError)):
        check_stream_model(BROKEN[check].from_graph, STREAM_CASES["plain"], only=[check])


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
