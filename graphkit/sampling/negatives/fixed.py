"""Fixed negatives: published lists, many per event, equal for all models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.files import write_atomically
from graphkit.npz import read_npz
from graphkit.registry import register
from graphkit.sampling.negatives.record import fingerprint
from graphkit.sampling.negatives.true_events import TrueEvents

if TYPE_CHECKING:
    from graphkit.data import EventBatch, TemporalGraph

__all__ = ["FixedNegatives"]


class _Sampler(Protocol):
    def sample(self, batch: EventBatch, num: int) -> Tensor: ...


@register("negatives", "fixed")
class FixedNegatives:
    """Negatives from a list with one row per event, looked up by event id.

    This is the protocol of TGB (Huang et al., "Temporal Graph Benchmark for Machine Learning on
    Temporal Graphs", NeurIPS 2023): lists are drawn once and published, and every model is ranked
    against the same lists. A list is an ``.npz`` file with int64 arrays ``event_id`` ``[M]`` and
    ``negatives`` ``[M, K]``; :meth:`draw` creates one from any other kind of negatives and
    :meth:`save` writes it. The record of a result contains its SHA-256.

    Args:
        lists: int64 or int32 ``[M, K]``, or the path of an ``.npz`` file.
        event_id: int64 ``[M]``, the event of each row. Default for a tensor: ``0..M-1``.
        sha256: Expected SHA-256; other lists are refused.
        graph: The graph. If given, lists are checked against its events and nodes. Default: the
            whole graph that ``train`` is a slice of, if that is given.
        train: The training subset (only used if ``graph`` is not given).
        seed: Ignored; accepted so that all kinds have the same arguments.
        allow_true: Accept lists that contain a true event of the same source and time.
        padded: Accept lists of different lengths, padded at the end with -1.

    Raises:
        GraphError: The file is damaged or lacks these arrays, shapes do not match, an id is
            negative, an event is listed twice, the SHA-256 differs, or a negative is a true event.
    """

    def __init__(
        self,
        lists: Tensor | str | os.PathLike[str] | None = None,
        event_id: Tensor | None = None,
        *,
        sha256: str | None = None,
        graph: TemporalGraph | None = None,
        train: TemporalGraph | None = None,
        seed: int = 0,
        allow_true: bool = False,
        padded: bool = False,
    ) -> None:
        del seed
        self.padded = padded
        if lists is None:
            raise GraphError(
                "lists",
                "fixed negatives need their lists",
                expected="an int64 tensor [M, K] or the path of an .npz file",
                fix="Draw them once with FixedNegatives.draw(sampler, graph, num).",
            )
        source = self._drawn_from = "a given tensor"
        if not isinstance(lists, Tensor):
            source = Path(lists)
            self._drawn_from = Path(lists).name
            lists, event_id = _read(Path(lists))
        if lists.dim() != 2 or lists.dtype not in (torch.int64, torch.int32):
            raise GraphError(
                "lists",
                "not lists of nodes",
                expected="int64 or int32, shape [M, K]",
                got=f"{lists.dtype}, {list(lists.shape)}",
            )
        if event_id is None:
            event_id = torch.arange(lists.shape[0], device=lists.device)
        if event_id.shape != lists.shape[:1]:
            raise GraphError(
                "event_id",
                "one event per list is needed",
                expected=lists.shape[0],
                got=list(event_id.shape),
            )
        self._event_id, order = event_id.sort()
        self._lists = lists[order].contiguous()
        twice = (self._event_id[1:] == self._event_id[:-1]).nonzero()
        if twice.numel():
            raise GraphError(
                "event_id", "an event is listed twice", got=int(self._event_id[int(twice[0])])
            )
        self._check_ids()
        self._sha256 = fingerprint(self._event_id, self._lists)
        if sha256 is not None and sha256 != self._sha256:
            raise GraphError(
                "sha256",
                f"these are not the lists that were asked for (they come from {source})",
                expected=sha256,
                got=self._sha256,
                fix="Fetch the published file again.",
            )
        if graph is not None or train is not None:
            self._check_against(graph, train, allow_true)

    @classmethod
    def draw(
        cls, sampler: _Sampler, graph: TemporalGraph, num: int, chunk: int = 1 << 20
    ) -> FixedNegatives:
        """Draw lists of ``num`` negatives for every event of ``graph`` with another kind.

        Args:
            sampler: Negatives of any kind.
            graph: Events to draw negatives for, such as ``g.split().test``.
            num: Number of negatives per event, ``K``.
            chunk: Number of negatives drawn at a time.
        """
        rows = max(1, chunk // num)
        parts = [sampler.sample(batch, num) for batch in graph.batches(size=rows)]
        return cls(torch.cat(parts), graph.event_id.clone())

    def check_covers(self, events: TemporalGraph) -> None:
        """Raise if an event has no list, or if a list names a node that the graph does not have.

        Raises:
            GraphError: The first such event.
        """
        known = self._event_id.to(events.event_id.device)
        row = torch.searchsorted(known, events.event_id).clamp_(max=max(known.numel() - 1, 0))
        absent = (
            known[row] != events.event_id
            if known.numel()
            else torch.ones_like(row, dtype=torch.bool)
        )
        if bool(absent.any()):
            first = int(absent.nonzero()[0])
            raise GraphError(
                "event_id",
                "no list for this event",
                row=first,
                got=int(events.event_id[first]),
                fix="These lists were made for other events; use them on that split only.",
            )
        self._check_range(
            "a node id is too large",
            self._lists >= events.num_nodes,
            f"below num_nodes={events.num_nodes}",
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the lists to an ``.npz`` file, atomically."""
        columns = {"event_id": self._event_id.cpu().numpy(), "negatives": self._lists.cpu().numpy()}
        return write_atomically(path, lambda file: np.savez_compressed(file, **columns))

    def reset(self, epoch: int = 0) -> None:
        """Do nothing: lists are the same in every epoch."""

    def sample(self, batch: EventBatch, num: int | None = None) -> Tensor:
        """Return the first ``num`` negatives of each event's list (all of them if ``None``).

        Returns:
            int64 ``[B, num]`` on the device of the batch.

        Raises:
            GraphError: The lists are shorter than ``num``, or an event has no list.
        """
        num = self._lists.shape[1] if num is None else num
        if num > self._lists.shape[1]:
            raise GraphError(
                "num", "the lists are shorter", expected=f"<= {self._lists.shape[1]}", got=num
            )
        wanted = batch.event_id.to(self._event_id.device)
        row = torch.searchsorted(self._event_id, wanted).clamp_(max=self._event_id.numel() - 1)
        absent = self._event_id[row] != wanted
        if bool(absent.any()):
            first = int(absent.nonzero()[0])
            raise GraphError(
                "event_id",
                "no list for this event",
                row=first,
                got=int(wanted[first]),
                fix="These lists were made for other events; use them on that split only.",
            )
        return self._lists[row, :num].long().to(batch.src.device)

    @property
    def pool(self) -> dict[str, Any]:
        """Source of the negatives, as plain values for the record of a result."""
        return {
            "kind": "fixed",
            "size": self._lists.shape[1],
            "events": self._lists.shape[0],
            "seed": None,
            "drawn_from": self._drawn_from,
            "sha256": self._sha256,
        }

    def __repr__(self) -> str:
        return f"FixedNegatives({self._lists.shape[0]} events, {self._lists.shape[1]} each)"

    def _check_against(
        self, graph: TemporalGraph | None, train: TemporalGraph | None, allow_true: bool
    ) -> None:
        truth = TrueEvents.of(graph, train)
        device, num_nodes = truth.csr.t.device, truth.csr.num_nodes
        self._check_range(
            "a node id is too large", self._lists >= num_nodes, f"below num_nodes={num_nodes}"
        )
        if allow_true:
            return
        # Position of each listed event among the events of the graph; event ids increase with it.
        known = graph.event_id if graph is not None else train.columns.event_id
        wanted = self._event_id.to(device)
        at = torch.searchsorted(known, wanted).clamp_(max=known.numel() - 1)
        here = known[at] == wanted
        group = truth.group(truth.csr.src[at], truth.csr.t[at]).masked_fill_(~here, -1)
        true = truth.contains(group.unsqueeze(1), self._lists.to(device).long())
        self._check_range(
            "a negative is a true event of this source and time",
            true.to(self._lists.device),
            "no true event",
            " Pass allow_true=True to keep it.",
        )

    def _check_ids(self) -> None:
        bad, expected = self._lists < 0, "ids from 0"
        if self.padded:
            pad = self._lists == -1
            expected += ", then -1 up to the end of the row"
            begun = pad[:, :-1] & ~pad[:, 1:]  # an id behind padding
            bad = bad & ~pad
            bad[:, 1:] |= begun
        self._check_range("a node id is negative", bad, expected)

    def _check_range(self, problem: str, bad: Tensor, expected: str, fix: str = "") -> None:
        if bool(bad.any()):
            row, column = bad.nonzero()[0].tolist()
            raise GraphError(
                "negatives",
                f"{problem} (event id {int(self._event_id[row])}, column {column})",
                expected=expected,
                got=int(self._lists[row, column]),
                fix=fix.strip() or None,
            )


def _read(path: Path) -> tuple[Tensor, Tensor]:
    try:
        arrays = read_npz(path, ["negatives", "event_id"])
    except FileNotFoundError:
        raise GraphError("lists", f"there is no file {path}") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "iu" or (array.size and int(array.max()) >= 2**63):
            raise GraphError(
                name,
                f"{path} holds no node ids or event ids there",
                expected="integers of 64 bits",
                got=str(array.dtype),
            )
    lists, event_id = (
        torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)) for array in arrays.values()
    )
    return lists, event_id
