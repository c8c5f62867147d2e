"""A snapshot model with its head, as the engine trains it; and the state that it carries along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from graphkit.errors import GraphError
from graphkit.metrics.snapshot_ranking import (
    DrawnRanking,
    PairRanking,
    rank_all_pairs,
    rank_drawn,
)
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.nn.snapshot.heads import make_head
from graphkit.nn.snapshot.pair_history import PairHistory
from graphkit.nn.snapshot.snapshot import Snapshot
from graphkit.registry import register

__all__ = ["RankedStep", "SnapshotPredictor", "detach_state"]


class RankedStep(NamedTuple):
    """What :meth:`SnapshotPredictor.rank` finds in a step.

    Attributes:
        logits: ``[M]``, of an edge against none, for the labelled pairs of the query.
        ranking: The ranking of the true pairs among all pairs, or among drawn ones.
    """

    logits: Tensor
    ranking: PairRanking | DrawnRanking


@register("layer", "snapshot_predictor")
class SnapshotPredictor(nn.Module):
    """A snapshot model and a head.

    The model's state is an argument and a result, never an attribute of the model. In a window
    every target begins afresh. Along a carried timeline somebody has to hold the state between two
    targets: this module does, in buffers, so that checkpoints and ``state_dict`` have it.

    Args:
        encoder: ``encoder(snapshots, state=None) -> (h, state)``, h of the last snapshot.
        head: Makes logits of h, such as :class:`~graphkit.nn.snapshot.PairMLP`.
        num_nodes: Give it to carry the state along the timeline; ``None`` begins every call afresh.
        pair_history: What a link prediction adds to the scores of pairs that have met, or ``None``.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        num_nodes: int | None = None,
        pair_history: PairHistory | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.pair_history = encoder, head, pair_history
        self.carries = num_nodes is not None
        self._leaves = 0
        if num_nodes is not None:
            leaves = pytree.tree_leaves(encoder.start(num_nodes))
            self._leaves = len(leaves)
            self.register_buffer("begun", torch.zeros((), dtype=torch.bool))
            for i, leaf in enumerate(leaves):
                self.register_buffer(f"carried_{i}", torch.zeros_like(leaf.detach()))

    @classmethod
    def for_task(
        cls, task: Any, encoder: nn.Module, classifier_channels: int = 100, pair_history: int = 0
    ) -> SnapshotPredictor:
        """An encoder with the head that a task on snapshots asks for.

        Args:
            task: Read are ``num_classes``, ``num_nodes``, ``mode``, ``subject`` and, for
                ``pair_history``, ``timeline``.
            encoder: As for the class, with ``out_channels``.
            classifier_channels: Width of the classifier's hidden layer.
            pair_history: Snapshots of a :class:`~graphkit.nn.snapshot.PairHistory`; 0 for none.

        Raises:
            GraphError: ``pair_history`` for a task that is not about links, or more snapshots than
                a model is shown.
        """
        met = None
        if pair_history:
            if getattr(task, "subject", "pairs") != "pairs":
                raise GraphError(
                    "pair_history", "it is for link prediction", got=f"a task on {task.subject}"
                )
            if pair_history > task.timeline.reach:
                raise GraphError(
                    "pair_history",
                    "a model is not shown so many snapshots",
                    expected=f"at most {task.timeline.reach}",
                    got=pair_history,
                    fix=f"SnapshotLinkPrediction(history={pair_history - 1})"
                    if task.mode == "window"
                    else f"SnapshotLinkPrediction(bptt={pair_history})",
                )
            met = PairHistory(pair_history)
        head = make_head(task, encoder.out_channels, classifier_channels)
        return cls(encoder, head, task.num_nodes if task.mode == "carry" else None, met)

    @property
    def columns_ignored(self) -> tuple[str, ...]:
        """Columns of a graph that the encoder does not read."""
        return getattr(self.encoder, "columns_ignored", ())

    def reset_parameters(self) -> None:
        """Draw the parameters of all parts anew."""
        for part in (self.encoder, self.head, self.pair_history):
            if part is not None:
                part.reset_parameters()

    def reset_state(self) -> None:
        """Go back to the beginning of the timeline."""
        if self.carries:
            self.begun.fill_(False)
            for i in range(self._leaves):
                getattr(self, f"carried_{i}").zero_()

    @property
    def state(self) -> Any:
        """The carried state, ``None`` at the beginning of the timeline."""
        if not self.carries or not bool(self.begun):
            return None
        leaves = [getattr(self, f"carried_{i}") for i in range(self._leaves)]
        return pytree.tree_unflatten(leaves, pytree.tree_structure(self.encoder.start(1)))

    def forward(self, snapshots: Sequence[Snapshot]) -> Tensor:
        """Embeddings of the last snapshot's rows, from the carried state if there is one.

        Pure: only :meth:`observe` moves the carried state.
        """
        return self.encoder(*model_inputs(self, snapshots), self.state)[0]

    def logits(
        self, snapshots: Sequence[Snapshot], src: Tensor, dst: Tensor | None = None
    ) -> Tensor:
        """Logits of classes, of nodes or of pairs of nodes, ``[M, num_classes]``.

        Args:
            snapshots: What the model sees, oldest first.
            src: Ids of nodes, int64 ``[M]``.
            dst: The other ends, int64 ``[M]``, where pairs are classified.
        """
        h, rows = self._embedded(snapshots)
        ends = [src] if dst is None else [src, dst]
        return self.head(h, *(end if rows is None else rows[end] for end in ends))

    def link_logits(self, snapshots: Sequence[Snapshot], src: Tensor, dst: Tensor) -> Tensor:
        """Logits ``[M]`` of an edge against none between pairs of nodes: the difference of the
        head's two logits, and what the pair's history adds.

        Args:
            snapshots: What the model sees, oldest first.
            src, dst: Ids of nodes, int64 ``[M]``.
        """
        return self._links(*self._embedded(snapshots), snapshots, src, dst)

    def rank(self, query: Any, rivals: Tensor | None = None) -> RankedStep:
        """Rank the true pairs of a step by their logits; ties are averaged.

        Args:
            query: ``snapshots`` that the model sees, and labelled pairs: ``src``, ``dst`` and
                ``label`` (1 for a true pair), int64 ``[M]``.
            rivals: int64 ``[P, k]``: the destinations that each of the P true pairs, in order,
                competes with; ``None`` ranks among all ordered pairs of nodes.

        Raises:
            GraphError: There is no true pair, or a logit is NaN.
        """
        h, rows = self._embedded(query.snapshots)
        logits = self._links(h, rows, query.snapshots, query.src, query.dst)
        true = query.label == 1
        src, dst = query.src[true], query.dst[true]
        if rivals is not None:
            one, other = src.repeat_interleave(rivals.shape[1]), rivals.reshape(-1)
            drawn = self._links(h, rows, query.snapshots, one, other).detach().view_as(rivals)
            return RankedStep(logits, rank_drawn(logits[true].detach(), drawn, src))
        size = query.snapshots[-1].size if rows is not None else None
        if rows is None:  # nodes that nothing has told apart are scored once
            h, rows, size = h.unique(dim=0, return_inverse=True, return_counts=True)
        met = self.pair_history
        ranking = rank_all_pairs(
            self.head.margins(h),
            len(h),
            src,
            dst,
            position=rows,
            size=size,
            offsets=None if met is None else met.pairs(query.snapshots),
        )
        return RankedStep(logits, ranking)

    def _embedded(self, snapshots: Sequence[Snapshot]) -> tuple[Tensor, Tensor | None]:
        """Embeddings, and the row of each node: ``None`` where the model keeps one per node."""
        h = self(snapshots)
        last = snapshots[-1]
        return h, None if len(h) == last.num_nodes else last.position

    def _links(
        self,
        h: Tensor,
        rows: Tensor | None,
        snapshots: Sequence[Snapshot],
        src: Tensor,
        dst: Tensor,
    ) -> Tensor:
        one, other = src, dst
        if rows is not None:
            one, other = rows.index_select(0, src), rows.index_select(0, dst)
        logit = self.head.differences(h, one, other)
        met = self.pair_history
        return logit if met is None else logit + met(snapshots, src, dst)

    def embed(self, snapshots: Sequence[Snapshot], nodes: Tensor) -> Tensor:
        """Embeddings ``[M, C]`` of nodes int64 ``[M]`` after the last snapshot."""
        h, rows = self._embedded(snapshots)
        return h.index_select(0, nodes if rows is None else rows[nodes])

    @torch.no_grad()
    def grow(self, num_nodes: int, x: Tensor | None = None, steps: int = 0) -> None:
        """Make room for new nodes, with the next ids, in a state that is carried along.

        Numbers of the other nodes stay the same. Nothing changes where the state has no row per
        node; where it has, the encoder says what it is for a node that had no edge so far:
        ``encoder.idle(x, steps)``, a state of the new nodes alone.

        Args:
            num_nodes: Number of nodes from now on.
            x: Features of the new nodes, the same in all steps so far, as in
                :class:`~graphkit.nn.snapshot.Snapshot`.
            steps: Steps that the state has gone through.

        Raises:
            GraphError: The encoder has a state per node and no method ``idle``.
        """
        axes = self._node_axes()
        if all(axis is None for axis in axes):
            return
        idle = getattr(self.encoder, "idle", None)
        if idle is None or x is None:
            kind = type(self.encoder).__name__
            raise GraphError(
                "num_nodes",
                f"{kind} carries a state per node, and cannot tell that of a new one",
                fix=f"Give {kind} a method idle(x, steps): the state of nodes without an edge.",
            )
        for i, (axis, rows) in enumerate(zip(axes, pytree.tree_leaves(idle(x, steps)))):
            if axis is not None:
                held = getattr(self, f"carried_{i}")
                new = rows.narrow(axis, 0, num_nodes - held.shape[axis]).to(held)
                setattr(self, f"carried_{i}", torch.cat([held, new], dim=axis))

    def _node_axes(self) -> list[int | None]:
        """For each leaf of the carried state the axis that counts nodes, if it has one."""
        if not self.carries:
            return []
        one, two = (pytree.tree_leaves(self.encoder.start(n)) for n in (1, 2))
        found: list[int | None] = []
        for a, b in zip(one, two):
            axes = [d for d, (m, n) in enumerate(zip(a.shape, b.shape)) if m != n]
            found.append(axes[0] if axes else None)
        return found

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        # Nodes that came after the saved model was made: take the size of what is loaded.
        for i, axis in enumerate(self._node_axes()):
            saved, own = state.get(f"{prefix}carried_{i}"), getattr(self, f"carried_{i}")
            if axis is None or saved is None or saved.dim() != own.dim():
                continue
            if saved.shape[axis] > own.shape[axis]:
                shape = [*own.shape]
                shape[axis] = saved.shape[axis]
                setattr(self, f"carried_{i}", own.new_zeros(shape))
        super()._load_from_state_dict(state, prefix, *rest)

    @torch.no_grad()
    def observe(self, snapshot: Snapshot | None) -> None:
        """Move the carried state past a snapshot; ``None``, as in a window, moves nothing."""
        if not self.carries or snapshot is None:
            return
        _, state = self.encoder(*model_inputs(self, [snapshot]), self.state)
        for i, leaf in enumerate(pytree.tree_leaves(state)):
            getattr(self, f"carried_{i}").copy_(leaf)
        self.begun.fill_(True)


def detach_state(state: Any) -> Any:
    """The state cut off from its past, for truncated backpropagation through time."""
    return pytree.tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, state)
