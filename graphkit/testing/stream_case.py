"""The streams that stream models are checked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphkit.data import EventBatch, TemporalGraph

__all__ = ["STREAM_CASES", "Factory", "StreamCase"]

Factory = Callable[[TemporalGraph], nn.Module]
"""Creates a model for a graph."""


@dataclass(frozen=True)
class StreamCase:
    """The stream of a check.

    Attributes:
        num_nodes: Number of nodes; ids 0 and ``num_nodes - 1`` both occur.
        num_events: Number of events.
        batch_size: Events per batch.
        edge_channels: Width of the event features, 0 for none.
        x_channels: Width of the node features, 0 for none.
        time_dtype: int64 or float64.
        time_offset: Added to all times; 2**40 is beyond int32 and beyond float32's resolution.
        seed: Seed of the stream and of the parameters.
        device: Device of the model.
    """

    num_nodes: int = 23
    num_events: int = 210
    batch_size: int = 30
    edge_channels: int = 3
    x_channels: int = 0
    time_dtype: torch.dtype = torch.int64
    time_offset: int = 0
    seed: int = 0
    device: str = "cpu"

    def graph(self) -> TemporalGraph:
        """The stream: a few hubs, every 20th event a self loop, times with ties."""
        draw = torch.Generator().manual_seed(self.seed)
        n, e = self.num_nodes, self.num_events
        hub = torch.rand(2, e, generator=draw) < 0.4
        ends = torch.randint(n, (2, e), generator=draw)
        ends = torch.where(hub, ends % 3, ends)
        ends[1, ::20] = ends[0, ::20]
        ends[:, 1] = torch.tensor([0, n - 1])
        ends[:, 2] = torch.tensor([n - 1, 0])
        t = torch.randint(0, 4, (e,), generator=draw).cumsum(0) * 50
        t = t.to(self.time_dtype) + self.time_offset
        if self.time_dtype.is_floating_point:
            t = t + 0.25
        features = {}
        if self.edge_channels:
            features["edge_attr"] = torch.randn(e, self.edge_channels, generator=draw)
        if self.x_channels:
            features["x"] = torch.randn(n, self.x_channels, generator=draw)
        return TemporalGraph(ends[0], ends[1], t, num_nodes=n, **features)

    def model(self, factory: Factory, graph: TemporalGraph | None = None) -> nn.Module:
        """Create a model in evaluation mode, with parameters drawn from the seed of this case."""
        torch.manual_seed(self.seed)
        return factory(self.graph() if graph is None else graph).to(self.device).eval()

    def batches(self, graph: TemporalGraph | None = None) -> list[EventBatch]:
        """The stream cut into batches, on the case's device."""
        graph = self.graph() if graph is None else graph
        return [b.to(self.device) for b in graph.batches(size=self.batch_size)]

    def candidates(self, batch: EventBatch, num: int = 3) -> Tensor:
        """Pseudo-random candidates ``[B, num]``, a function of the batch's event ids."""
        step = torch.arange(1, num + 1, device=batch.src.device)
        return (batch.dst.unsqueeze(1) + step * 7 + batch.event_id.unsqueeze(1)) % self.num_nodes


STREAM_CASES: dict[str, StreamCase] = {
    "features": StreamCase(),
    "plain": StreamCase(edge_channels=0, time_offset=2**40, seed=1),
    "float_time": StreamCase(
        time_dtype=torch.float64, time_offset=1_600_000_000, x_channels=2, seed=2
    ),
}
"""The streams that :func:`check_stream_model` uses, by name."""
