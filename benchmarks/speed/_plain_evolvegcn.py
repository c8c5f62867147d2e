"""EvolveGCN-O as its authors' code is built, written anew: the baseline of ``evolvegcn.py``.

What makes it plain is the structure that the paper's code has, not carelessness: every sample cuts
its snapshots out of the list of all edges and normalises them again; the model starts from its
first weights at every target and convolves all snapshots of the window; gates are separate
products; negatives are drawn in bulk and sifted one by one; the classifier takes both embeddings of
every pair side by side; evaluation scores all pairs in batches, fills dense N x N arrays, sorts all
scores and walks through the rows. With ReLU the numbers are graphkit's, which a test holds it to;
the authors' code has RReLU, whose random slopes are drawn for all snapshots of the window.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PlainEvolveGCNO", "PlainLinks"]

_PREDICT = 100_000  # pairs that the classifier takes at a time in evaluation


class _Gate(nn.Module):
    def __init__(self, rows: int, columns: int, function: nn.Module) -> None:
        super().__init__()
        bound = rows**-0.5
        self.w = nn.Parameter(torch.empty(rows, rows).uniform_(-bound, bound))
        self.u = nn.Parameter(torch.empty(rows, rows).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(rows, columns))
        self.function = function

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.function(self.w.matmul(x) + self.u.matmul(h) + self.bias)


class _Layer(nn.Module):
    def __init__(self, rows: int, columns: int, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation
        bound = columns**-0.5
        self.weight = nn.Parameter(torch.empty(rows, columns).uniform_(-bound, bound))
        self.update = _Gate(rows, columns, nn.Sigmoid())
        self.reset = _Gate(rows, columns, nn.Sigmoid())
        self.new = _Gate(rows, columns, nn.Tanh())

    def forward(self, adjacencies: list[Tensor], features: list[Tensor]) -> list[Tensor]:
        weight, out = self.weight, []
        for adjacency, x in zip(adjacencies, features):
            z, r = self.update(weight, weight), self.reset(weight, weight)
            weight = (1 - z) * weight + z * self.new(weight, r * weight)
            out.append(self.activation(torch.sparse.mm(adjacency, torch.mm(x, weight))))
        return out


class PlainEvolveGCNO(nn.Module):
    """Two layers and a classifier of pairs.

    Args:
        in_channels: Degrees, one-hot.
        hidden: Width of both layers.
        classifier: Width of the classifier's hidden layer.
        activation: After every layer.
    """

    def __init__(
        self, in_channels: int, hidden: int, classifier: int, activation: type[nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _Layer(rows, hidden, activation()) for rows in (in_channels, hidden)
        )
        self.classifier = nn.Sequential(
            nn.Linear(2 * hidden, classifier), nn.ReLU(), nn.Linear(classifier, 2)
        )

    def forward(self, adjacencies: list[Tensor], features: list[Tensor]) -> Tensor:
        """Embeddings of all nodes after the last snapshot."""
        for layer in self.layers:
            features = layer(adjacencies, features)
        return features[-1]

    def classify(self, h: Tensor, pairs: Tensor) -> Tensor:
        """Logits ``[M, 2]`` of pairs ``[2, M]``, so many at a time."""
        parts = []
        for some in pairs.split(_PREDICT, dim=1):
            both = torch.cat([h[some[0]], h[some[1]]], dim=1)
            parts.append(self.classifier(both))
        return torch.cat(parts)


class PlainLinks:
    """The task, over a list of edges ``[E, 3]`` (source, destination, step), both directions in it.

    Args:
        edges: int64 ``[E, 3]``.
        num_nodes: Number of nodes.
        in_channels: Largest degree that has a column, and one.
        history: Steps before the target's last snapshot.
        negatives: Drawn pairs per edge.
        class_weights: Of no edge and of an edge.
    """

    def __init__(
        self,
        edges: Tensor,
        num_nodes: int,
        in_channels: int,
        history: int,
        negatives: int,
        class_weights: tuple[float, float],
    ) -> None:
        self.edges, self.num_nodes, self.in_channels = edges, num_nodes, in_channels
        self.history, self.negatives = history, negatives
        self.class_weights = torch.tensor(class_weights)
        self.random = np.random.default_rng(0)

    # ---------------------------------------------------------------- samples
    def adjacency(self, step: int, weighted: bool) -> Tensor:
        """The sparse adjacency of a step, out of all edges."""
        now = self.edges[self.edges[:, 2] == step]
        index, n = now[:, :2].t(), self.num_nodes
        ones = torch.ones(index.shape[1])
        found = torch.sparse_coo_tensor(index, ones, (n, n)).coalesce()
        if not weighted:
            found = torch.sparse_coo_tensor(found.indices(), torch.ones(found._nnz()), (n, n))
        return found

    def sample(self, step: int) -> tuple[list[Tensor], list[Tensor]]:
        """Normalised adjacencies and one-hot degrees of the window that ends at a step."""
        n, adjacencies, features = self.num_nodes, [], []
        node = torch.arange(n)
        for t in range(step - self.history, step + 1):
            degree = torch.mv(self.adjacency(t, weighted=False), torch.ones(n)).long()
            degree.clamp_(max=self.in_channels - 1)
            features.append(
                torch.sparse_coo_tensor(
                    torch.stack([node, degree]), torch.ones(n), (n, self.in_channels)
                )
            )
            eye = torch.sparse_coo_tensor(torch.stack([node, node]), torch.ones(n), (n, n))
            both = (self.adjacency(t, weighted=True) + eye).coalesce()
            scale = torch.sparse.sum(both, dim=1).to_dense().rsqrt()
            row, column = both.indices()
            value = scale[row] * both.values() * scale[column]
            adjacencies.append(torch.sparse_coo_tensor(both.indices(), value, (n, n)))
        return adjacencies, features

    def true(self, step: int) -> Tensor:
        """The pairs ``[2, P]`` of the step after this one."""
        return self.adjacency(step + 1, weighted=False).coalesce().indices()

    def drawn(self, step: int, true: Tensor) -> Tensor:
        """Pairs ``[2, M]`` without an edge, sifted one by one."""
        edges, n = self.edges, self.num_nodes
        inside = (edges[:, 2] <= step) & (edges[:, 2] >= step - self.history)
        active = edges[inside][:, :2].reshape(-1).numpy()
        wanted = self.negatives * true.shape[1]
        src = self.random.choice(true[0].numpy(), 4 * wanted)
        dst = self.random.choice(active, 4 * wanted)
        seen = set((true[0] * n + true[1]).tolist())
        found = []
        for u, v in zip(src.tolist(), dst.tolist()):
            if len(found) >= wanted:
                break
            if u == v or u * n + v in seen:
                continue
            seen.add(u * n + v)
            found.append((u, v))
        return torch.tensor(found, dtype=torch.int64).reshape(-1, 2).t()

    # ---------------------------------------------------------------- passes
    def train(
        self, model: PlainEvolveGCNO, optimizers: list[torch.optim.Optimizer], steps: list[int]
    ) -> float:
        """An optimiser step per target; the mean loss."""
        total = 0.0
        for step in steps:
            adjacencies, features = self.sample(step)
            true = self.true(step)
            pairs = torch.cat([true, self.drawn(step, true)], dim=1)
            label = torch.zeros(pairs.shape[1], dtype=torch.int64)
            label[: true.shape[1]] = 1
            logits = model.classify(model(adjacencies, features), pairs)
            each = F.cross_entropy(logits, label, reduction="none")
            loss = (each * self.class_weights[label]).mean()
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            total += float(loss.detach())
        return total / len(steps)

    @torch.no_grad()
    def evaluate(self, model: PlainEvolveGCNO, steps: list[int]) -> tuple[float, float]:
        """MAP and MRR over all pairs, through dense arrays."""
        n, aps, mrrs = self.num_nodes, [], []
        for step in steps:
            adjacencies, features = self.sample(step)
            true = self.true(step)
            first, second = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
            pairs = torch.from_numpy(np.stack([first.ravel(), second.ravel()]))
            logits = model.classify(model(adjacencies, features), pairs)
            score = (logits[:, 1] - logits[:, 0]).numpy().reshape(n, n)
            label = np.zeros((n, n), dtype=bool)
            label[true[0].numpy(), true[1].numpy()] = True
            aps.append(average_precision(score.ravel(), label.ravel()))
            mrrs.append(row_mrr(score, label))
        return float(np.mean(aps)), float(np.mean(mrrs))


def average_precision(score: np.ndarray, label: np.ndarray) -> float:
    """Over all pairs, by sorting them."""
    order = np.argsort(-score, kind="stable")
    score, label = score[order], label[order]
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))
    hits = np.cumsum(label)[last]
    return float(np.sum(np.diff(hits, prepend=0) * hits / (last + 1)) / hits[-1])


def row_mrr(score: np.ndarray, label: np.ndarray) -> float:
    """Row by row; ties share the mean of their ranks."""
    rows = []
    for line, true in zip(score, label):
        if true.any():
            ranked = np.sort(line)
            upto = np.searchsorted(ranked, line[true], side="right")
            below = np.searchsorted(ranked, line[true])
            rows.append(np.mean(1 / (len(line) - upto + 1 + (upto - below - 1) / 2)))
    return float(np.mean(rows))
