"""Small stream models for the tests of the engine, and the streams they run on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit import Hook, TemporalGraph
from graphkit.engine import Training


class Toy(nn.Module):
    """Embeddings, a count per node and a memory that depends on the parameters."""

    def __init__(self, num_nodes: int, channels: int = 6, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_nodes, channels)
        self.mix = nn.Linear(channels, channels)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * channels + 1, 1))
        self.register_buffer("count", torch.zeros(num_nodes))
        self.register_buffer("memory", torch.zeros(num_nodes, channels))
        self.register_buffer("last", torch.zeros(num_nodes, dtype=torch.long))

    @classmethod
    def from_graph(cls, graph: TemporalGraph, **settings) -> Toy:
        return cls(graph.num_nodes, **settings)

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        many = src.view(-1, *[1] * (dst.dim() - 1)).expand_as(dst)
        product = self.embedding(many) * self.embedding(dst)
        past = self.mix(self.memory[many]) * self.memory[dst]
        seen = self.count[dst].log1p().unsqueeze(-1)
        return self.head(torch.cat([product, past, seen], dim=-1)).squeeze(-1)

    def observe(self, events) -> None:
        ends = torch.cat([events.src, events.dst])
        self.count.index_add_(0, ends, self.count.new_ones(ends.shape[0]))
        new = torch.tanh(self.mix(self.embedding(torch.cat([events.dst, events.src]))))
        self.memory.index_copy_(0, ends, self.memory[ends] * 0.5)
        self.memory.index_add_(0, ends, new)
        self.last.scatter_reduce_(0, ends, torch.cat([events.t, events.t]), "amax")

    def reset_state(self) -> None:
        self.count.zero_()
        self.memory.zero_()
        self.last.zero_()


class Fading(Toy):
    """Turns its answers around from the fourth epoch on; the state knows the epoch."""

    def __init__(self, num_nodes: int) -> None:
        super().__init__(num_nodes)
        self.register_buffer("resets", torch.zeros((), dtype=torch.long))

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        turned = 1 - 2 * (self.resets > 3).float()
        return turned * super().score(src, dst, t)

    def reset_state(self) -> None:
        super().reset_state()
        self.resets += 1


class Counter(nn.Module):
    """No parameters: scores a destination by how often it has been seen."""

    def __init__(self, num_nodes: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(num_nodes))

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        return self.count[dst]

    def observe(self, events) -> None:
        self.count.index_add_(0, events.dst, self.count.new_ones(len(events.dst)))

    def reset_state(self) -> None:
        self.count.zero_()


class Spy(nn.Module):
    """Keeps a diary of what it is shown, and a parameter so that it can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.diary: list[tuple] = []

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        rows = list(zip(src.tolist(), dst[:, 0].tolist(), t.tolist()))
        self.diary.append(("score", self.training, torch.is_grad_enabled(), rows, dst.clone()))
        return self.weight * dst.float()

    def observe(self, events) -> None:
        rows = list(zip(events.src.tolist(), events.dst.tolist(), events.t.tolist()))
        self.diary.append(("observe", self.training, torch.is_grad_enabled(), rows, None))

    def reset_state(self) -> None:
        self.diary.append(("reset", self.training, torch.is_grad_enabled(), [], None))


class Prune(Hook):
    """Sets the smallest weights of a matrix to 0, more of them as steps go by."""

    def __init__(self, name: str = "mix.weight", every: int = 4, share: float = 0.05) -> None:
        self.name, self.every, self.share = name, every, share
        self._mask: Tensor | None = None

    def on_step(self, training: Training, loss: Tensor) -> None:
        weight = training.parameters()[self.name]
        if self._mask is None:
            self._mask = torch.ones_like(weight)
        if training.step % self.every == 0:
            free = weight.abs().where(self._mask > 0, torch.inf).flatten()
            number = min(round(self.share * free.numel()), int(self._mask.sum()))
            self._mask.view(-1)[free.argsort()[:number]] = 0
        weight.mul_(self._mask)

    def state_dict(self) -> dict:
        return {"mask": self._mask}

    def load_state_dict(self, state: dict) -> None:
        self._mask = state["mask"]


class Pull(Hook):
    """Adds a term to the loss whose weight depends on the losses so far."""

    def __init__(self, weight: float = 0.1) -> None:
        self.weight = weight
        self._mean = 0.7

    def on_loss(self, training: Training, query, answer) -> Tensor:
        head = training.parameters()["head.1.weight"]
        return self.weight * self._mean * head.square().sum() + answer.prediction.square().mean()

    def on_step(self, training: Training, loss: Tensor) -> None:
        self._mean = 0.9 * self._mean + 0.1 * float(loss)

    def state_dict(self) -> dict:
        return {"mean": self._mean}

    def load_state_dict(self, state: dict) -> None:
        self._mean = state["mean"]


def stream(num_events: int = 900, num_nodes: int = 60, seed: int = 0) -> TemporalGraph:
    """Repeats among friends, so that there is something to learn; ties in time occur."""
    generator = torch.Generator().manual_seed(seed)
    src = torch.randint(0, num_nodes, (num_events,), generator=generator)
    step = torch.randint(1, 4, (num_events,), generator=generator)
    dst = (src + step) % num_nodes
    t = torch.randint(0, 3, (num_events,), generator=generator).cumsum(0)
    return TemporalGraph(src, dst, t, num_nodes=num_nodes, name="toy")
