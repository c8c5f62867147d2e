"""The negatives of DyGLib: one per event, drawn for batches of 200 events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphkit.checks import check_choice
from graphkit.errors import GraphError
from graphkit.sampling.negatives.record import fingerprint

if TYPE_CHECKING:
    from graphkit.data import EventBatch, TemporalGraph

__all__ = ["DyGLibNegatives"]

_KINDS = ("random", "historical", "inductive")


class DyGLibNegatives:
    r"""One negative per event, drawn batch by batch as in DyGLib.

    For a batch with times from :math:`t_1` to :math:`t_2`, :math:`H` are the distinct directed
    pairs of ``events`` with a first event at or before :math:`t_1`, and :math:`C` are the pairs of
    ``events`` with an event from :math:`t_1` to :math:`t_2`.

    - ``"random"`` keeps the source and draws the destination uniformly from all destinations of
      ``events``. Nothing is excluded: a negative may be a true event.
    - ``"historical"`` replaces both ends by a pair of :math:`H - C`, drawn without replacement.
    - ``"inductive"`` uses :math:`H - O - C`, where :math:`O` are the pairs of ``events`` with an
      event at or before ``observed_until``.

    If there are fewer pairs than events in the batch, all of them are used and the rest is drawn
    from all sources times all destinations, without the pairs of the batch.

    The draws are those of NumPy's ``RandomState(seed)``. For ``"random"`` they are equal to those
    of the published code. For the other kinds their distribution is equal; the published code
    numbers the pairs in the order of a Python set, and here the order is that of their first
    events.

    Source: Poursafaei et al., NeurIPS 2022 (the kinds), and the public code of Yu et al., NeurIPS
    2023, arXiv 2303.13047.

    Args:
        questions: Events that get a negative, in order.
        events: Events from which pairs, sources and destinations are taken.
        kind: ``"random"``, ``"historical"`` or ``"inductive"``.
        seed: Seed of the draws.
        observed_until: Last time of :math:`O`; only for ``"inductive"``.
        batch_size: Number of events per batch.

    Raises:
        GraphError: There is no event, or ``observed_until`` is missing.
        UnknownNameError: There is no such kind.
    """

    def __init__(
        self,
        questions: TemporalGraph,
        events: TemporalGraph,
        kind: str,
        *,
        seed: int,
        observed_until: int | float | None = None,
        batch_size: int = 200,
    ) -> None:
        check_choice(kind, "kind", _KINDS)
        if len(events) == 0:
            raise GraphError("events", "there is no event to draw negatives from")
        if kind == "inductive" and observed_until is None:
            raise GraphError("observed_until", "inductive negatives need the last observed time")
        self.kind, self.seed, self.batch_size = kind, seed, batch_size
        self.redraws_source = kind != "random"
        self._num_events = len(events)
        self._event_id = questions.event_id.cpu()
        src, dst = _Draws(questions, events, kind, seed, observed_until).all(batch_size)
        self._src, self._dst = torch.from_numpy(src), torch.from_numpy(dst)

    def reset(self, epoch: int = 0) -> None:
        """Do nothing: the negatives are the same in every epoch."""

    def sample(self, batch: EventBatch, num: int = 1) -> Tensor:
        """Return the destinations of the negatives, int64 ``[B, 1]``.

        Raises:
            GraphError: ``num`` is not 1, or an event has no negative.
        """
        if num != 1:
            raise GraphError("num", "an event has one negative", expected=1, got=num)
        return self._dst[self._rows(batch)].unsqueeze(1).to(batch.src.device)

    def sources(self, batch: EventBatch) -> Tensor:
        """Return the sources of the negatives, int64 ``[B, 1]``; for ``"random"`` those of the
        events.

        Raises:
            GraphError: An event has no negative.
        """
        return self._src[self._rows(batch)].unsqueeze(1).to(batch.src.device)

    @property
    def pool(self) -> dict[str, Any]:
        """Source of the negatives, as plain values for the record of a result."""
        return {
            "kind": f"dyglib {self.kind}",
            "size": self._dst.numel(),
            "events": self._num_events,
            "seed": self.seed,
            "batch": self.batch_size,
            "sha256": fingerprint(self._src, self._dst),
        }

    def _rows(self, batch: EventBatch) -> Tensor:
        wanted = batch.event_id.cpu()
        row = torch.searchsorted(self._event_id, wanted).clamp_(max=self._event_id.numel() - 1)
        absent = self._event_id[row] != wanted
        if bool(absent.any()):
            first = int(absent.nonzero()[0])
            raise GraphError("event_id", "no negative for this event", row=first)
        return row


class _Draws:
    """The pairs of the events, and the generator that draws from them."""

    def __init__(
        self,
        questions: TemporalGraph,
        events: TemporalGraph,
        kind: str,
        seed: int,
        observed_until: int | float | None,
    ) -> None:
        self.kind, self.random = kind, np.random.RandomState(seed)
        self.t = events.t.cpu().numpy()
        self.asked = tuple(c.cpu().numpy() for c in (questions.src, questions.dst, questions.t))
        src, dst = events.src.cpu().numpy(), events.dst.cpu().numpy()
        self.src, self.dst = np.unique(src), np.unique(dst)
        self.width = int(max(src.max(), dst.max(), self.asked[0].max(initial=0))) + 1
        self.width = max(self.width, int(self.asked[1].max(initial=0)) + 1)
        self.key = src * self.width + dst
        pairs, first, self.pair = np.unique(self.key, return_index=True, return_inverse=True)
        by_first = np.argsort(first, kind="stable")
        place = np.empty_like(by_first)
        place[by_first] = np.arange(by_first.size)
        self.pair = place[self.pair]  # pair of each event, pairs in the order of their first events
        self.pairs, self.first = pairs[by_first], self.t[first[by_first]]
        self.allowed = np.ones(self.pairs.size, dtype=bool)
        if kind == "inductive":
            self.allowed = self.first > observed_until

    def all(self, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Sources and destinations of the negatives of all questions."""
        src, dst, t = self.asked
        parts = []
        for a in range(0, src.size, batch_size):
            rows = slice(a, min(a + batch_size, src.size))
            parts.append(self.batch(src[rows], dst[rows], t[rows]))
        if not parts:
            return src.copy(), dst.copy()
        return tuple(np.concatenate(columns) for columns in zip(*parts))

    def batch(
        self, src: np.ndarray, dst: np.ndarray, t: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sources and destinations of the negatives of one batch."""
        if self.kind == "random":
            self.random.randint(0, self.src.size, src.size)  # a source is drawn and not used
            return src, self.dst[self.random.randint(0, self.dst.size, src.size)]
        candidates = self.pairs[: np.searchsorted(self.first, t[0], side="right")]
        keep = self.allowed[: candidates.size].copy()
        a, b = np.searchsorted(self.t, t[0]), np.searchsorted(self.t, t[-1], side="right")
        now = self.pair[a:b]
        keep[now[now < candidates.size]] = False
        candidates = candidates[keep]
        missing = src.size - candidates.size
        if missing > 0:
            key = np.concatenate([self.others(missing, src * self.width + dst), candidates])
        else:
            key = candidates[self.random.choice(candidates.size, size=src.size, replace=False)]
        return key // self.width, key % self.width

    def others(self, number: int, batch: np.ndarray) -> np.ndarray:
        """Random pairs of a source and a destination that are not pairs of the batch, without
        replacement while there are enough of them."""
        every = self.src.size * self.dst.size
        taken = set(np.unique(batch).tolist())
        inside = np.isin(batch // self.width, self.src) & np.isin(batch % self.width, self.dst)
        left = every - np.unique(batch[inside]).size
        if left == 0:
            raise GraphError("events", "every pair of a source and a destination is in the batch")
        repeat, found = left < number, []
        while len(found) < number:
            for draw in self.random.randint(0, every, number).tolist():
                key = int(self.src[draw // self.dst.size]) * self.width
                key += int(self.dst[draw % self.dst.size])
                if key in taken or len(found) == number:
                    continue
                found.append(key)
                if not repeat:
                    taken.add(key)
        return np.array(found, dtype=np.int64)
