r"""ST-LINK: a decoder-only language model with spatial attention for forecasts on a graph.

Hyotaek Jeon, Hyunwook Lee, Juwon Kim, Sungahn Ko, "ST-LINK: Spatially-Aware Large Language Models
for Spatio-Temporal Forecasting", CIKM 2025, arXiv 2509.13753.

**Established** (abstract, and public summaries of the opening parts): windows are normalised
reversibly; inside every block (a) attention is replaced by *spatially enhanced attention*, which
rotates queries and keys by time, as rotary embeddings do, and then by space; (b) the feed-forward
part is replaced by a *memory retrieval feed-forward network*, which reads key historical patterns;
the temporal order of the language model is kept.

**Interpretation of this project.** Neither the body nor the code of the paper was available.
Embedding, partial freezing and output follow the predecessor ST-LLM (Liu et al., arXiv 2401.10134).
The spatial angle, the form of the memory, layouts and initial values are choices of this project:

.. math::
    H_0 &= W_f [W_x \hat x_n \,\|\, E^{\text{node}}_n \,\|\, E^{\text{day}} + E^{\text{week}}] \\
    \theta_{(t, n)} &= t\, \omega + g \odot W_s b_n
        \qquad\text{(}b_n\text{: coordinates of the node; } g = 0 \text{ at the start)} \\
    H' &= H + \mathrm{Attention}(\mathrm{Rot}_\theta q, \mathrm{Rot}_\theta k, v) \\
    H'' &= H' + \mathrm{FFN}(u) + \gamma \odot W_o\, m(u)
        \qquad\text{(}u = \mathrm{norm}(H'),\; W_o = 0 \text{ at the start)} \\
    \hat y_n &= \mathrm{norm}^{-1}(W_y H_n)

An untrained model is therefore exactly the plain decoder, and ``space`` and ``memory`` can be
disabled separately. Attention is causal over time but not over nodes: a permutation of the sensors
permutes the forecasts. (The predecessor uses a causal mask over nodes.)

Further choices that are not in the predecessor: the table of weekdays is initialised to zero, so
that a weekday that does not occur in training has no effect; patterns of the memory also contain
the readings after them (``pattern_future``), and tokens retrieve patterns by their own window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.attention import Retrieval, SpatialBasis, hop_mask, token_mask
from graphkit.nn.decoder import Decoder, FreezeReport, freeze, freeze_report, make_backbone
from graphkit.nn.norm.reversible_norm import ReversibleInstanceNorm
from graphkit.nn.signal.pattern_windows import level_and_spread, pattern_windows
from graphkit.nn.signal.sensor_embedding import SensorEmbedding
from graphkit.nn.spectral import correlation_basis, laplacian_basis
from graphkit.registry import register

__all__ = ["STLINK", "Explanation"]

_LAYOUTS = ("auto", "node", "node_time")
_PHASES = ("laplacian", "learned", "correlation")
_MANY = 512  # largest number of tokens for which "auto" uses a token per sensor and patch


class Explanation(NamedTuple):
    """Explanation of forecasts, with U adapted blocks, L tokens and k retrieved slots.

    Attributes:
        forecast: Forecasts, ``[B, T, N, C']``.
        attention: Attention weights from the token of the row to that of the column,
            ``[U, B, heads, L, L]``.
        slots: Patterns retrieved by each token, best first, int64 ``[U, B, L, k]``; ``None``
            without a memory.
        weights: Weights of the retrieved patterns, with sum 1, ``[U, B, L, k]``.
        patterns: Normalised patterns of the slots, ``[S, T' (+ T)]``; ``None`` if slots have no
            patterns.
        node: Node of each token, int64 ``[L]``.
        step: Time patch of each token, int64 ``[L]``.
    """

    forecast: Tensor
    attention: Tensor
    slots: Tensor | None
    weights: Tensor | None
    patterns: Tensor | None
    node: Tensor
    step: Tensor


@register("model", "stlink", view="signal", tasks=("forecast",))
class STLINK(nn.Module):
    r"""A decoder with spatial rotary angles and pattern memories (Jeon et al. 2025).

    When to use:
        For forecasts of sensors whose positions or distances are known: attention depends on
        the positions, and each block reads a memory of patterns. Both parts can be switched
        off. If the time of day explains most of the signal, use it with
        `Forecast(profile=True)`.

    Args:
        num_nodes: Number of nodes, N.
        history: Number of input rows, T'.
        horizon: Number of steps ahead, T.
        in_channels: Number of channels, C.
        target_channels: Channels to forecast; by default all.
        covariate_names: Names of the covariate columns; ``"time_of_day"`` and ``"day_of_week"`` are
            used.
        slots_per_day: Number of rows of the table of times of day; 0 disables it.
        node_table: Whether sensors have their own embedding.
        week: Number of rows of the table of weekdays, see
            :class:`~graphkit.nn.signal.SensorEmbedding`.
        basis: Fixed coordinates of the nodes ``[N, q]``, such as those of
            :func:`~graphkit.nn.spectral.laplacian.laplacian_basis`.
        learned_basis: Number of additional learned coordinates.
        flip_signs: Whether to draw the signs of fixed coordinates at random in training.
        nodes_mask: Boolean mask of the nodes (columns) that a node (row) can attend to, ``[N, N]``;
            by default all.
        space: Whether blocks rotate by space.
        split: Whether some pairs of channels rotate by time only and the others by space only.
        memory: Whether blocks read patterns.
        memory_options: Arguments of :class:`~graphkit.nn.attention.PatternMemory`.
        pattern_future: Whether patterns also contain the horizon, for values but not for keys.
        balance_weight: Weight of the loss that distributes retrievals over slots.
        separation_weight: Weight of the loss that separates the best slot from the second best.
        layout: ``"node"`` for one token per sensor with its whole window, ``"node_time"`` for one
            token per sensor and patch, or ``"auto"`` for the latter up to 512 tokens.
        patch: Number of steps of a patch.
        norm: Normalisation of each window: ``"window"``, ``"last"``, ``"node"`` or ``"none"``,
            see :class:`~graphkit.nn.norm.reversible_norm.ReversibleInstanceNorm`.
        level: Whether tokens contain the statistics removed by the normalisation. Without them,
            forecasts are shifted and scaled exactly as the window.
        residual: ``True`` to forecast the difference to the last reading; ``"linear"`` for the
            difference to a linear map of the window, shared by all sensors and initialised to the
            last reading.
        embedding_channels: Width of each part of the embedding; by default that of the backbone.
        embedding_dropout: Dropout probability of tokens.
        backbone: ``"tiny"``, ``"gpt2"``, ``"llama"``, or a
            :class:`~graphkit.nn.decoder.Backbone`.
        backbone_options: See :func:`~graphkit.nn.decoder.make_backbone`.
        num_adapted: Number of last blocks with spatial rotation and memories.
        freezing: ``"none"``, ``"partial"`` or ``"all"`` (:func:`~graphkit.nn.decoder.freeze`);
            ``"auto"`` is ``"partial"`` for pretrained weights and ``"none"`` for random weights.
        keep_positions: Whether to add the learned positions of the backbone; by default only if
            tokens have times.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, 0 where missing; covariates
          :math:`(B, \geq T', K)`; mask of the present readings :math:`(B, T', N, C)` (optional)
        - **output:** :math:`(B, T, N, C')`
    """

    kind: ClassVar[str] = "forecast"

    def __init__(
        self,
        num_nodes: int,
        history: int = 12,
        horizon: int = 12,
        in_channels: int = 1,
        *,
        target_channels: Sequence[int] | None = None,
        covariate_names: Sequence[str] = (),
        slots_per_day: int = 0,
        node_table: bool = True,
        week: str = "day",
        basis: Tensor | None = None,
        learned_basis: int = 0,
        flip_signs: bool = False,
        nodes_mask: Tensor | None = None,
        space: bool = True,
        split: bool = False,
        memory: bool = True,
        memory_options: dict[str, Any] | None = None,
        pattern_future: bool = True,
        balance_weight: float = 0.01,
        separation_weight: float = 0.01,
        layout: str = "auto",
        patch: int = 3,
        norm: str = "window",
        level: bool = True,
        residual: bool | str = False,
        embedding_channels: int | None = None,
        embedding_dropout: float = 0.0,
        backbone: Any = "tiny",
        backbone_options: dict[str, Any] | None = None,
        num_adapted: int = 2,
        freezing: str = "auto",
        keep_positions: bool | None = None,
    ) -> None:
        super().__init__()
        check_choice(layout, "layout", _LAYOUTS)
        if residual not in (True, False, "linear"):
            raise UnknownNameError("residual", residual, ("True", "False", "linear"))
        patches = -(-history // patch)
        if layout == "auto":
            layout = "node_time" if num_nodes * patches <= _MANY else "node"
        self.num_nodes, self.history, self.horizon = num_nodes, history, horizon
        chosen = range(in_channels) if target_channels is None else target_channels
        self.target_channels = list(chosen)
        self.layout, self.residual, self.level = layout, residual, level
        self.patches, self.patch = (patches, patch) if layout == "node_time" else (1, history)
        self.balance_weight, self.separation_weight = balance_weight, separation_weight
        self._auxiliary: Tensor | None = None

        # 3.0 normalisation, 3.1 embedding
        self.norm = ReversibleInstanceNorm(in_channels, norm, num_nodes=num_nodes)
        made = make_backbone(backbone, **(backbone_options or {}))
        self.embedding = SensorEmbedding(
            num_nodes,
            self.patch * in_channels + (2 * in_channels if level else 0),
            made.channels,
            embedding_channels=embedding_channels,
            covariate_names=covariate_names,
            slots_per_day=slots_per_day,
            node_table=node_table,
            week=week,
        )
        self.dropout = nn.Dropout(embedding_dropout)

        # 3.3 space
        self.basis = None
        if space:
            self.basis = SpatialBasis(
                num_nodes, basis, learned_channels=learned_basis, flip_signs=flip_signs
            )
            if self.basis.out_channels == 0:
                raise GraphError(
                    "basis",
                    "there is nothing to turn by",
                    expected="fixed coordinates or learned ones",
                    fix="Pass basis= or learned_basis=, or space=False.",
                )
        self.register_buffer("tokens_mask", token_mask(num_nodes, self.patches, nodes_mask))

        # 3.4 memory, 3.5 backbone
        self.pattern_channels = history + (horizon if pattern_future else 0)
        if memory:
            patterns = {"pattern_channels": self.pattern_channels, "key_pattern": history}
            memory_options = {**patterns, **(memory_options or {})}
        if keep_positions is None:
            keep_positions = layout == "node_time"
        self.decoder = Decoder(
            made,
            num_adapted=num_adapted,
            phase_channels=0 if self.basis is None else self.basis.out_channels,
            split=split,
            memory=memory_options if memory else None,
            keep_positions=keep_positions,
        )
        how = ("partial" if made.pretrained else "none") if freezing == "auto" else freezing
        freeze(self.decoder, how, num_adapted)

        # 3.6 output
        self.head = nn.Linear(self.patches * made.channels, horizon * len(self.target_channels))
        self.straight = None
        if residual == "linear":
            self.straight = nn.Linear(history, horizon, bias=False)
            self._reset_straight()

    @classmethod
    def from_task(
        cls,
        task: Any,
        *,
        phase: str = "laplacian",
        phase_channels: int = 16,
        hops: int | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> STLINK:
        """Create a model for a task, with coordinates from its graph and patterns from its training
        subset.

        Args:
            task: A forecasting task.
            phase: Source of the coordinates of nodes: ``"laplacian"`` (the graph of the task),
                ``"correlation"`` (of training series), or ``"learned"``.
            phase_channels: Number of coordinates.
            hops: Maximum number of hops in the graph of the task between nodes that attend to each
                other; by default there is no limit.
            seed: Seed of the clustering of patterns.
            settings: Arguments of the class.

        Raises:
            UnknownNameError: There is no such phase.
        """
        check_choice(phase, "phase", _PHASES)
        seen = task.training_signal()
        nodes = task.num_nodes
        if settings.get("space", True):
            if phase == "learned":
                settings.setdefault("learned_basis", phase_channels)
            elif phase == "correlation":
                series = seen.x[..., task.target_channels[0]]
                settings["basis"], _ = correlation_basis(series, num_vectors=phase_channels)
            else:
                settings["basis"], _ = laplacian_basis(
                    task.edge_index, nodes, task.edge_weight, num_vectors=phase_channels
                )
        if hops is not None:
            settings["nodes_mask"] = hop_mask(task.edge_index, nodes, hops)
        settings.setdefault("slots_per_day", int(task.steps_per_day or 0))
        model = cls(
            nodes,
            task.in_steps,
            task.horizon,
            task.in_channels,
            target_channels=task.target_channels,
            covariate_names=task.covariate_names,
            **settings,
        )
        model.look_at(seen, delay=task.delay, seed=seed)
        return model

    def look_at(self, seen: Any, *, delay: int = 0, seed: int = 0) -> None:
        """Compute the patterns of the memories and the statistics of the nodes from a training
        subset.

        Args:
            seen: A :class:`~graphkit.nn.signal.TrainingSignal`.
            delay: Number of rows between history and horizon.
            seed: Seed of the clustering.
        """
        if self.norm.statistics == "node":
            count = len(seen.x) if seen.mask is None else seen.mask.sum(0).clamp(min=1)
            mean = seen.x.sum(0) / count  # missing readings are 0
            variance = seen.x.square().sum(0) / count - mean.square()
            self.norm.set_statistics(mean, variance.clamp(min=0).sqrt())
        if self.decoder.memories and self.decoder.memories[0].patterns.shape[1]:
            ahead = self.pattern_channels - self.history
            windows = pattern_windows(
                seen, self.history, ahead, delay, self.target_channels[0], seed=seed
            )
            first, *others = self.decoder.memories
            first.fit_patterns(windows, seed=seed)
            for memory in others:
                memory.set_patterns(first.patterns)

    def reset_parameters(self) -> None:
        """Reset the learnable parameters that this model adds, and those of a tiny backbone.

        Patterns, coordinates and the weights of a backbone of ``transformers`` are not changed.
        """
        for part in (self.norm, self.embedding, self.basis, self.decoder, self.head):
            if part is not None:
                part.reset_parameters()
        self._reset_straight()

    def _reset_straight(self) -> None:
        if self.straight is not None:
            with torch.no_grad():
                self.straight.weight.zero_()[:, -1] = 1

    # ---------------------------------------------------------------- forward
    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        tokens, level, windows = self._tokens(x, covariates, mask)
        h, retrievals = self.decoder(tokens, *self._places(x.device), windows)
        if self.training and retrievals:
            self._auxiliary = self._auxiliary_of(retrievals)
        # [B, N * P, d] -> [B, N, T * C'] -> [B, T, N, C']
        ahead = self.head(h.unflatten(1, (self.num_nodes, -1)).flatten(2))
        ahead = ahead.unflatten(2, (self.horizon, -1)).transpose(1, 2)
        ahead = self.norm.inverse(ahead, level, self.target_channels)
        if self.straight is not None:  # [B, T', N, C'] -> [B, T, N, C']
            seen = x[..., self.target_channels]
            return ahead + self.straight(seen.movedim(1, -1)).movedim(-1, 1)
        return ahead + x[:, -1:, :, self.target_channels] if self.residual else ahead

    def auxiliary_loss(self) -> Tensor:
        """Weighted losses of the memories in the last training forward pass; 0 if none."""
        loss, self._auxiliary = self._auxiliary, None
        return self.head.weight.new_zeros(()) if loss is None else loss

    def _tokens(
        self, x: Tensor, covariates: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Any, Tensor | None]:
        """Return embedded tokens ``[B, N * P, d]`` ordered by sensor, the statistics removed by the
        normalisation, and the windows with which tokens query memories.
        """
        if x.shape[1:3] != (self.history, self.num_nodes):
            raise GraphError(
                "x",
                "windows do not fit this model",
                expected=f"[B, {self.history}, {self.num_nodes}, C]",
                got=list(x.shape),
            )
        out, level = self.norm(x, mask)
        if mask is not None:
            out = out.masked_fill(~mask, 0.0)
        windows = self._windows(out, mask)
        value = out.permute(0, 2, 1, 3)  # [B, N, T', C]
        short = self.patches * self.patch - self.history
        if short:  # pad the first patch at its start
            value = nn.functional.pad(value, (0, 0, short, 0))
        value = value.unflatten(2, (self.patches, self.patch)).flatten(3)  # [B, N, P, patch * C]
        if self.level:
            known = torch.cat([level.shift, level.scale.log()], dim=3).transpose(1, 2)
            value = torch.cat([value, known.expand(-1, -1, self.patches, -1)], dim=3)
        last = None if covariates is None else covariates[:, self.history - 1]
        tokens = self.embedding(value, last)
        return self.dropout(tokens.flatten(1, 2)), level, windows

    def _windows(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """Return the windows with which tokens query memories, ``[B, N * P, T']``, which are
        0 except for the last token of each sensor."""
        memories = self.decoder.memories
        if not memories or memories[0].embed_key is None:
            return None
        channel = self.target_channels[0]
        series = x[..., channel].mT  # [B, N, T']
        known = torch.ones_like(series) if mask is None else mask[..., channel].mT.to(series)
        mean, spread = level_and_spread(series, known)
        series = (series - mean) / spread * known
        if self.patches == 1:
            return series
        apart = series.new_zeros(*series.shape[:2], self.patches - 1, self.history)
        return torch.cat([apart, series.unsqueeze(2)], dim=2).flatten(1, 2)

    def _places(self, device: torch.device) -> tuple[Any, ...]:
        """Return times, node coordinates, nodes and mask of the tokens for the decoder."""
        basis = None if self.basis is None else self.basis()
        if self.patches == 1:
            return None, basis, None, self.tokens_mask
        step = torch.arange(self.patches, device=device).repeat(self.num_nodes)
        node = torch.arange(self.num_nodes, device=device).repeat_interleave(self.patches)
        return step, basis, node, self.tokens_mask

    def _auxiliary_of(self, retrievals: list[Retrieval]) -> Tensor | None:
        total = None
        for memory, retrieval in zip(self.decoder.memories, retrievals):
            for weight, loss in (
                (self.balance_weight, memory.balance_loss),
                (self.separation_weight, memory.separation_loss),
            ):
                if weight:
                    term = weight * loss(retrieval)
                    total = term if total is None else total + term
        return total

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_auxiliary": None}  # an autograd graph cannot be copied

    # ---------------------------------------------------------------- explanation
    @torch.no_grad()
    def explain(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Explanation:
        """Return forecasts with the attention between tokens and the retrieved patterns."""
        was, _ = self.training, self.eval()
        try:
            tokens, _, windows = self._tokens(x, covariates, mask)
            places = (*self._places(x.device), windows)
            attention = self.decoder.attention_weights(tokens, *places)
            _, retrievals = self.decoder(tokens, *places)
            forecast = self(x, covariates, mask)
        finally:
            self.train(was)
        length = tokens.shape[1]
        index = torch.arange(length, device=x.device)
        memories = self.decoder.memories
        seen = memories and memories[0].patterns.shape[1]
        return Explanation(
            forecast,
            torch.stack(attention)
            if attention
            else forecast.new_zeros(0, len(x), 1, length, length),
            torch.stack([r.slots for r in retrievals]) if retrievals else None,
            torch.stack([r.weights for r in retrievals]) if retrievals else None,
            memories[0].patterns.clone() if seen else None,
            index // self.patches,
            index % self.patches,
        )

    def freezing_report(self) -> FreezeReport:
        """Return the number of trainable parameters per group."""
        return freeze_report(self, self.decoder)

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, {self.history} -> {self.horizon}, layout={self.layout!r}"
