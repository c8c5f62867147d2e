"""Historical negatives: destinations that the source met before but does not meet now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.registry import register
from graphkit.sampling.negatives.met_pairs import MetPairs, pair_keys
from graphkit.sampling.negatives.random import RandomNegatives, known_groups
from graphkit.sampling.negatives.true_events import TrueEvents

if TYPE_CHECKING:
    from graphkit.data import EventBatch, TemporalGraph

__all__ = ["HistoricalNegatives", "PastNegatives"]

_TAG = 0x48495354


class PastNegatives:
    """Negatives from a source's past; random negatives if that past is empty.

    Base of :class:`HistoricalNegatives` and :class:`~graphkit.sampling.negatives.inductive.\
    InductiveNegatives`, which differ in the events that count as past.

    Args:
        kind: Name of the kind, for the record.
        met: The pairs of the past.
        fallback: Negatives used if the past is empty.
        drawn_from: Description of the past, for the record.
        tag: Number that separates the draws of the kinds.
    """

    def __init__(
        self, kind: str, met: MetPairs, fallback: RandomNegatives, drawn_from: str, tag: int
    ) -> None:
        self._kind, self._met, self._fallback = kind, met, fallback
        self._drawn_from, self._tag = drawn_from, tag
        self._sha256: str | None = None
        self.reset()

    @property
    def seed(self) -> int:
        """Seed of the draws."""
        return self._fallback.seed

    @property
    def truth(self) -> TrueEvents:
        """The true events of the graph."""
        return self._fallback.truth

    def reset(self, epoch: int = 0) -> None:
        """Set the epoch and reset the count of events without a past."""
        self._fallback.reset(epoch)
        self._asked = 0
        self._without = 0

    def sample(self, batch: EventBatch, num: int = 1) -> Tensor:
        """Draw negatives; arguments, result and errors are those of
        :meth:`RandomNegatives.sample \
<graphkit.sampling.negatives.random.RandomNegatives.sample>`."""
        fallback, device = self._fallback, self.truth.csr.t.device
        src, t, event_id = (v.to(device) for v in (batch.src, batch.t, batch.event_id))
        group = None if fallback.allow_true else known_groups(self.truth, batch)
        key = (self._tag, fallback.seed, fallback.epoch, event_id.unsqueeze(1))
        drawn, has_past = self._met.draw(src, t, group, num, *key)
        rows = (~has_past).nonzero().view(-1)
        self._asked += src.numel()
        self._without += rows.numel()
        if rows.numel():
            group = None if group is None else group[rows]
            drawn[rows] = fallback.draw(event_id[rows], group, num, self._tag)
        return drawn.to(batch.src.device)

    @property
    def pool(self) -> dict[str, Any]:
        """Source of the negatives, as plain values for the record of a result.

        ``fallback_fraction`` is the share of events, among those sampled since the last
        :meth:`reset`, that had no past and got random negatives (``None`` before the first call of
        :meth:`sample`); ``fallback`` is the pool of the random negatives.
        """
        if self._sha256 is None:
            self._sha256 = self._met.fingerprint()
        return {
            "kind": self._kind,
            "size": len(self._met),
            "seed": self.seed,
            "drawn_from": self._drawn_from,
            "allow_true": self._fallback.allow_true,
            "sha256": self._sha256,
            "fallback_fraction": self._without / self._asked if self._asked else None,
            "fallback": self._fallback.pool,
        }

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({len(self._met)} {self._drawn_from}, seed={self.seed})"


@register("negatives", "historical")
class HistoricalNegatives(PastNegatives):
    r"""Destinations that the source met before the event's time but does not meet at that time.

    For an event :math:`(u, v, t)` the candidates are the distinct :math:`w` with an event
    :math:`(u, w, t')`, :math:`t' < t`, and no event :math:`(u, w, t)`; each is equally likely.
    If there are no candidates, random negatives are drawn, and :attr:`pool` records the share of
    such events.

    Source: Poursafaei, Huang, Pelrine and Rabbany, "Towards Better Evaluation for Dynamic Link
    Prediction" (NeurIPS 2022): edges observed at previous time stamps that are absent now. There
    (and in DyGLib) a negative replaces the whole edge, so that its source differs too, and "now" is
    the current batch. Here, as in TGB, a negative keeps the source, so that candidates can be
    ranked against the true destination, and "now" is the time of the event itself, so that the
    draws do not depend on the batch size. Pairs are directed.

    Args:
        graph: The events; see :class:`~graphkit.sampling.negatives.random.RandomNegatives`.
        train: The training subset. Required for ``history="train"``.
        seed: Seed. Draws are pure functions, as for random negatives.
        history: ``"past"`` (every event before the event's time) or ``"train"`` (pairs of the
            training subset only, as in TGB; also before the event's time).
        pool: Pool of the random negatives.
        allow_true: Also draw true destinations of the source at that time.
    """

    def __init__(
        self,
        graph: TemporalGraph | None = None,
        *,
        train: TemporalGraph | None = None,
        seed: int = 0,
        history: Literal["past", "train"] = "past",
        pool: Literal["destinations", "nodes"] | Tensor = "destinations",
        allow_true: bool = False,
    ) -> None:
        fallback = RandomNegatives(graph, train=train, seed=seed, pool=pool, allow_true=allow_true)
        truth = fallback.truth
        if history == "past":
            chosen = torch.ones_like(truth.csr.src, dtype=torch.bool)
            text = "distinct pairs of all events, each from its first event on"
        elif history == "train":
            chosen = in_training(truth, train, "history='train'")
            text = "distinct pairs of the training subset, each from its first event on"
        else:
            raise GraphError(
                "history", "not a history", expected="'past' or 'train'", got=repr(history)
            )
        super().__init__("historical", MetPairs(truth, chosen, allow_true), fallback, text, _TAG)


def in_training(truth: TrueEvents, train: TemporalGraph | None, what: str) -> Tensor:
    """bool ``[E]``: events in the period of the training subset whose pair occurs in it."""
    if train is None or len(train) == 0:
        raise GraphError("train", f"{what} needs the training subset", fix="Pass train=.")
    csr = truth.csr
    last = csr.position(train.t[-1:], right=True)
    early = torch.arange(csr.src.numel(), device=csr.src.device) < last
    return early & is_training_pair(truth, train)


def is_training_pair(truth: TrueEvents, train: TemporalGraph) -> Tensor:
    """bool ``[E]``: events whose (source, destination) occurs in the training subset."""
    csr = truth.csr
    known = pair_keys(train.src, train.dst, csr.num_nodes).unique()
    pair = pair_keys(csr.src, csr.dst, csr.num_nodes)
    return known[torch.searchsorted(known, pair).clamp_(max=known.numel() - 1)] == pair
