"""Inductive negatives: destinations first met after the training period, but not met now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.registry import register
from graphkit.sampling.negatives.historical import PastNegatives, is_training_pair
from graphkit.sampling.negatives.met_pairs import MetPairs
from graphkit.sampling.negatives.random import RandomNegatives

if TYPE_CHECKING:
    from graphkit.data import TemporalGraph

__all__ = ["InductiveNegatives"]

_TAG = 0x494E4455


@register("negatives", "inductive")
class InductiveNegatives(PastNegatives):
    r"""Destinations that the source first met after the training period.

    For an event :math:`(u, v, t)` the candidates are the distinct :math:`w` with an event
    :math:`(u, w, t')`, where :math:`t'` is after the last training event and before :math:`t`,
    such that :math:`(u, w)` is not a pair of the training subset and :math:`(u, w, t)` is not an
    event; each is equally likely. If there are no candidates (always in training), random negatives
    are drawn, and :attr:`pool` records the share of such events.

    Source: Poursafaei et al., "Towards Better Evaluation for Dynamic Link Prediction" (NeurIPS
    2022): edges seen in the test period but not in training, and absent now. Departures (source
    kept, exact time instead of the batch) are those of
    :class:`~graphkit.sampling.negatives.historical.HistoricalNegatives`; in addition, only past
    edges are drawn, as in DyGLib.

    DyGLib excludes more: every pair with an event, of any nodes, up to the end of a period, which
    is the training period in validation, and the training and validation periods together in the
    test. Here only pairs of ``train`` are excluded, in validation and in the test. A pair that
    occurred in the training period but was held out of ``train`` with one of its nodes can
    therefore be drawn once it occurs again, and in the test so can a pair first met in validation.

    Args:
        graph: The events; see :class:`~graphkit.sampling.negatives.random.RandomNegatives`.
        train: The training subset; required.
        seed: Seed. Draws are pure functions, as for random negatives.
        pool: Pool of the random negatives.
        allow_true: Also draw true destinations of the source at that time.
    """

    def __init__(
        self,
        graph: TemporalGraph | None = None,
        *,
        train: TemporalGraph | None = None,
        seed: int = 0,
        pool: Literal["destinations", "nodes"] | Tensor = "destinations",
        allow_true: bool = False,
    ) -> None:
        if train is None or len(train) == 0:
            raise GraphError(
                "train", "inductive negatives need the training subset", fix="Pass train=."
            )
        fallback = RandomNegatives(graph, train=train, seed=seed, pool=pool, allow_true=allow_true)
        truth = fallback.truth
        last = truth.csr.position(train.t[-1:], right=True)
        late = torch.arange(truth.csr.src.numel(), device=last.device) >= last
        chosen = late & ~is_training_pair(truth, train)
        text = "distinct pairs first seen after training, each from its first event on"
        super().__init__("inductive", MetPairs(truth, chosen, allow_true), fallback, text, _TAG)
