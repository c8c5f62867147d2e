r"""A key-value memory of patterns, of which the few closest to the current state are read.

The idea that the feed-forward network of a language model retrieves key historical patterns is from
ST-LINK (Jeon et al., CIKM 2025, arXiv 2509.13753, abstract). The form of the memory is the choice
of this project.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.errors import GraphError
from graphkit.ops.kmeans import spherical_kmeans

__all__ = ["PatternMemory", "Retrieval"]

_SMALL = 0.1  # initial scale of the state of a query relative to its window


class Retrieval(NamedTuple):
    """Result of the retrieval from a memory, one row per token.

    Attributes:
        slots: Retrieved slots, best first, int64 ``[..., top_k]``.
        weights: Weights of the retrieved slots, which sum to 1, ``[..., top_k]``.
        scores: Cosine of the query with every key, ``[..., S]``.
    """

    slots: Tensor
    weights: Tensor
    scores: Tensor


class PatternMemory(nn.Module):
    r"""Key-value memory with top-k retrieval.

    .. math::
        q = W_q u + f_k(w), \quad r = \frac{q}{\lVert q \rVert}, \quad
        a_s = \frac{r \cdot k_s}{\tau}, \quad
        m = \sum_{s \in \mathrm{top}_k(a)} \mathrm{softmax}(a)_s\, v_s

    with keys :math:`k_s` of length 1 and a learned :math:`\tau`. The retrieval is independent for
    each token.

    With ``pattern_channels`` each slot represents an observed pattern (:meth:`set_patterns`,
    :meth:`fit_patterns`). Keys and values are then small MLPs :math:`f_k, f_v` of the pattern, plus
    a learned term per slot, and :attr:`patterns` contains the meaning of the slots. If a token has
    a window w, its query is computed from the window by the MLP of the keys, so that from the first
    step on the retrieved patterns begin like the window; :math:`W_q` is initialised to small
    values. Without windows, queries and keys have to learn a common representation from scratch,
    and short trainings do not achieve this.

    Args:
        in_channels: Number of channels of a token, C.
        out_channels: Number of channels of a value; ``in_channels`` if ``None``.
        num_slots: Number of slots, S.
        key_channels: Number of channels of keys and queries.
        top_k: Number of slots that are read; with S this is plain dense attention.
        tau: Initial temperature.
        pattern_channels: Number of values in a pattern; 0 for a memory without patterns.
        key_pattern: Number of leading values of a pattern from which its key is computed; all of
            them if ``None``. The remaining values follow the window, and are available for past
            patterns only.
        hidden_channels: Number of hidden channels of the MLPs.
        ema_rate: Fraction by which a key moves in each training batch towards the queries for which
            it is the best key, in addition to its gradient; 0 for gradients only.

    Shapes:
        - **input:** tokens :math:`(*, C)`; their windows :math:`(*, \text{key\_pattern})`, zeros
          for a token that has none (optional)
        - **output:** memories :math:`(*, C')`, and a :class:`Retrieval`

    Raises:
        GraphError: ``top_k`` does not fit ``num_slots``, or ``tau`` is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_slots: int = 256,
        key_channels: int = 64,
        top_k: int = 8,
        tau: float = 0.1,
        pattern_channels: int = 0,
        key_pattern: int | None = None,
        hidden_channels: int = 64,
        ema_rate: float = 0.0,
    ) -> None:
        super().__init__()
        if not 1 <= top_k <= num_slots:
            raise GraphError(
                "top_k", "not a number of slots", expected=f"1 to {num_slots}", got=top_k
            )
        if not tau > 0:
            raise GraphError("tau", "not a temperature", expected="> 0", got=tau)
        self.in_channels = in_channels
        self.out_channels = in_channels if out_channels is None else out_channels
        self.num_slots, self.key_channels, self.top_k = num_slots, key_channels, top_k
        self.ema_rate = ema_rate
        self._tau = tau
        self.key_pattern = pattern_channels if key_pattern is None else key_pattern
        self.query = nn.Linear(in_channels, key_channels, bias=False)
        self.log_tau = nn.Parameter(torch.tensor(math.log(tau)))
        self.keys = nn.Parameter(torch.zeros(num_slots, key_channels))
        self.values = nn.Parameter(torch.zeros(num_slots, self.out_channels))
        self.register_buffer("patterns", torch.zeros(num_slots, pattern_channels))
        self.register_buffer("usage", torch.zeros(num_slots))
        self.embed_key = self.embed_value = None
        if pattern_channels:
            self.embed_key = _mlp(self.key_pattern, hidden_channels, key_channels)
            self.embed_value = _mlp(pattern_channels, hidden_channels, self.out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all learnable parameters and the counts of hits; patterns are kept."""
        self.usage.zero_()
        self.query.reset_parameters()
        with torch.no_grad():
            self.log_tau.fill_(math.log(self._tau))
        learned = self.embed_key is None
        if not learned:
            with torch.no_grad():
                self.query.weight.mul_(_SMALL)
        nn.init.normal_(self.keys, std=1.0 if learned else 0.02)
        nn.init.normal_(self.values, std=1.0 if learned else 0.02)
        for mlp in (self.embed_key, self.embed_value):
            if mlp is not None:
                mlp[0].reset_parameters()
                mlp[2].reset_parameters()

    # ---------------------------------------------------------------- patterns
    @torch.no_grad()
    def set_patterns(self, patterns: Tensor) -> None:
        """Set the patterns of the slots, ``[S, pattern_channels]``.

        Raises:
            GraphError: The shape differs, or a value is not finite.
        """
        if patterns.shape != self.patterns.shape or not bool(patterns.isfinite().all()):
            raise GraphError(
                "patterns",
                "they do not fit this memory",
                expected=f"finite {list(self.patterns.shape)}",
                got=list(patterns.shape),
            )
        self.patterns.copy_(patterns)

    def fit_patterns(self, windows: Tensor, *, limit: int = 200_000, seed: int = 0) -> None:
        """Set the patterns to the centroids of windows (k-means by cosine).

        Args:
            windows: Normalised windows of a training subset, ``[n, pattern_channels]``.
            limit: Maximum number of windows to cluster; if there are more, a random subset is used.
            seed: Seed of the random subset and of the initial centroids.
        """
        if windows.shape[0] > limit:
            draw = torch.Generator().manual_seed(seed)
            windows = windows[torch.randperm(windows.shape[0], generator=draw)[:limit]]
        centroids = spherical_kmeans(windows, self.num_slots, seed=seed)
        # Centroids have length 1; they are scaled to entries of about 1, like normalised windows.
        self.set_patterns(centroids * math.sqrt(windows.shape[1]))

    def slot_keys(self) -> Tensor:
        """Keys of the slots, of length 1, ``[S, key_channels]``."""
        keys = self.keys
        if self.training and self.ema_rate:
            keys = keys.clone()  # they are moved before the backward pass
        if self.embed_key is not None:
            keys = keys + self.embed_key(self.patterns[:, : self.key_pattern])
        return F.normalize(keys, dim=1)

    def slot_values(self) -> Tensor:
        """Values of the slots, ``[S, out_channels]``."""
        values = self.values
        return values if self.embed_value is None else values + self.embed_value(self.patterns)

    # ---------------------------------------------------------------- retrieval
    def forward(self, u: Tensor, window: Tensor | None = None) -> tuple[Tensor, Retrieval]:
        wide = torch.promote_types(u.dtype, torch.float32)  # softmax in half precision is coarse
        asked = self.query(u)
        if window is not None and self.embed_key is not None:
            told = (window != 0).any(dim=-1, keepdim=True)
            asked = asked + self.embed_key(window.to(u.dtype)) * told
        with torch.autocast(u.device.type, enabled=False):
            query = F.normalize(asked.flatten(0, -2).to(wide), dim=1)
            keys = self.slot_keys().to(wide)
            scores = query @ keys.t()
            best, slots = scores.topk(self.top_k, dim=1)
            weights = (best / self.log_tau.exp()).softmax(dim=1).to(wide)
            values = self.slot_values().to(wide)
            memory = F.embedding_bag(slots, values, per_sample_weights=weights, mode="sum")
            if self.training:
                self._note(query.detach(), slots)
        shape = u.shape[:-1]
        retrieval = Retrieval(*(part.unflatten(0, shape) for part in (slots, weights, scores)))
        return memory.unflatten(0, shape).to(u.dtype), retrieval

    @torch.no_grad()
    def _note(self, query: Tensor, slots: Tensor) -> None:
        """Count the hits of this batch, and move keys if ``ema_rate`` is positive."""
        hits = torch.zeros_like(self.usage)
        hits.index_add_(0, slots.flatten(), hits.new_ones(slots.numel()))
        self.usage.add_(hits)
        if self.ema_rate:
            total = torch.zeros_like(self.keys, dtype=query.dtype)
            total.index_add_(0, slots[:, 0], query)
            chosen = total.abs().amax(dim=1, keepdim=True) > 0
            key, target = F.normalize(self.keys, dim=1), F.normalize(total, dim=1)
            if self.embed_key is not None:  # the learned term of a slot is the rest of its key
                key = self.keys
                target = target - self.embed_key(self.patterns[:, : self.key_pattern])
            moved = key.lerp(target.to(key.dtype), self.ema_rate)
            self.keys.copy_(torch.where(chosen, moved, self.keys))

    # ---------------------------------------------------------------- losses
    def balance_loss(self, retrieval: Retrieval) -> Tensor:
        r""":math:`S \sum_s f_s p_s`: 1 if all slots are used equally, S if only one slot is used.

        :math:`f` is the fraction of hits, and :math:`p` the mean probability over all slots.
        """
        p = (retrieval.scores.flatten(0, -2) / self.log_tau.exp()).softmax(dim=1).mean(dim=0)
        slots = retrieval.slots.flatten()
        f = p.new_zeros(self.num_slots).index_add(0, slots, p.new_ones(slots.numel()))
        return self.num_slots * (f / slots.numel()) @ p

    @staticmethod
    def separation_loss(retrieval: Retrieval, margin: float = 0.1) -> Tensor:
        """Mean over tokens of the amount by which the second best key is within ``margin``."""
        if retrieval.scores.shape[-1] < 2:
            return retrieval.scores.new_zeros(())
        if retrieval.slots.shape[-1] > 1:
            best = retrieval.scores.gather(-1, retrieval.slots[..., :2])
        else:
            best = retrieval.scores.topk(2, dim=-1).values
        return (best[..., 1] - best[..., 0] + margin).clamp(min=0).mean()

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, num_slots={self.num_slots}, "
            f"top_k={self.top_k}"
        )


def _mlp(in_channels: int, hidden_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_channels, hidden_channels),
        nn.ReLU(),
        nn.Linear(hidden_channels, out_channels),
    )
