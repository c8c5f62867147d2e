"""Classification of whole recordings of a signal, such as the action in a clip."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit import renamed
from graphkit.checks import check_choice, check_share
from graphkit.data import TemporalGraph
from graphkit.data.fill_gaps import fill_gaps
from graphkit.data.gaps import find_gaps
from graphkit.data.given_split import GivenSplit
from graphkit.data.whole_recordings import WholeRecordings
from graphkit.data.window_index import WindowSplit
from graphkit.errors import GraphWarning
from graphkit.metrics import classification
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.registry import register
from graphkit.tasks.answer import Answer
from graphkit.tasks.class_labels import check_width, recording_classes
from graphkit.tasks.signal_task import SPLITS, SignalTask
from graphkit.tasks.window_input import WindowInput
from graphkit.tasks.window_stream import WindowQuery

__all__ = ["RecordingClassification"]

_METRICS = ("accuracy", "balanced_accuracy", "log_likelihood")


@register("task", "recording_classification", view="signal")
@renamed.old_attributes("RecordingClassification")
class RecordingClassification(SignalTask):
    """Classify whole recordings of a signal, such as clips, which may have different lengths.

    A batch is padded to its longest recording; the model receives a mask of the observed readings,
    and its output must not depend on the padding. For windows of equal length within recordings,
    see ``WindowClassification``.

    Metrics: ``accuracy``, ``balanced_accuracy``, ``log_likelihood``.

    Args:
        graph: A graph with a ``signal`` in labelled recordings, such as ``load("jhmdb")``.
        split: A split by recordings; by default ``GivenSplit()``.
        label: Column of ``graph.recordings`` with the classes: non-negative integers, or text,
            which is numbered in alphabetical order.
        stretch: Minimum fraction of the frames of a training recording that a random crop keeps.
        mirror: Whether to mirror each training recording along its first channel with
            probability 1/2.
        noise: Standard deviation of the normal noise added to every reading in training.
        missing: Handling of missing readings: ``"interpolate"``, ``"zero"`` or ``"raise"``, see
            :class:`~graphkit.tasks.window_input.WindowInput`.
        max_gap: Maximum number of consecutive missing readings that are interpolated; ``None`` for
            no limit.
        gaps: What to do where the rows of a recording are not one step apart. ``"join"``: rows
            follow one another whatever their times. ``None``: the same, with a
            :class:`~graphkit.errors.GraphWarning`. ``"missing"``: rows without readings are filled
            in. ``"raise"``: an error.
        selection: Validation metric that selects the epoch.
        seed: Seed of orders and draws.

    Attributes:
        class_names: Names of the classes; ``None`` if they are only numbered.
        input: Module that prepares recordings for a model
            (:class:`~graphkit.tasks.window_input.WindowInput`).

    Raises:
        GraphError: There is no signal in recordings, or there are no classes.
        UnknownNameError: A metric or a column is unknown.
    """

    name = "recording_classification"
    kind = "classify"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        split: WindowSplit | None = None,
        label: str = "y",
        stretch: float = 1.0,
        mirror: bool = False,
        noise: float = 0.0,
        missing: str = "interpolate",
        max_gap: int | None = None,
        gaps: str | None = None,
        selection: str = "log_likelihood",
        seed: int = 0,
    ) -> None:
        check_choice(selection, "selection", _METRICS)
        stretch = check_share(stretch, "stretch", zero=False, one=True)
        super().__init__(graph)
        self.graph = graph = _regular(graph, gaps)
        self.recordings, self.split = (
            WholeRecordings(graph),
            split or GivenSplit(label=label, seed=seed),
        )
        self.index = self.split.split(self.recordings)
        self.label, self.selection, self.seed = label, selection, int(seed)
        self.stretch, self.mirror, self.noise = stretch, mirror, noise
        y, self.class_names = recording_classes(graph, label)
        self.labels = y[self.recordings.recording]
        self.num_classes = int(self.labels.max()) + 1
        self.input = WindowInput(
            self.num_nodes, self.in_channels, scaler="none", missing=missing, max_gap=max_gap
        )

    # ---------------------------------------------------------------- sizes for models
    @property
    def in_steps(self) -> int:
        """Number of rows of the longest recording."""
        return int(self.recordings.lengths.max())

    # ---------------------------------------------------------------- queries
    def query(
        self,
        index: Tensor,
        split: str = "test",
        first: int = 0,
        device: torch.device | str = "cpu",
        epoch: int = 0,
    ) -> WindowQuery:
        """Return recordings as model input; augmented at random for training, as configured."""
        x, seen = self.input.prepare(*self.recordings[index])
        if split == "train":
            x, seen = self._changed(x, seen, epoch * 1_000_003 + first)
        return WindowQuery(
            x=x.to(device),
            y=self.labels[index].to(device),
            x_mask=seen.to(device),
            recording=self.recordings.recording[index].to(device),
            first=first,
        )

    # ---------------------------------------------------------------- answers
    def score(self, model: nn.Module, query: WindowQuery) -> Answer:
        """Return logits ``[B, C]``, classes ``[B]``, and the number of each recording as group."""
        logits = model(*model_inputs(model, query.x, None, query.x_mask))
        return Answer(check_width(logits, self.num_classes), query.y, group=query.recording)

    def loss(self, answer: Answer, total: int) -> Tensor:
        """Contribution of these rows to the mean cross entropy of ``total`` rows."""
        logits = answer.prediction
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        return F.cross_entropy(logits, answer.target, reduction="sum") / max(total, 1)

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Compute all metrics over the recordings of a split."""
        answer = Answer.cat(answers).to("cpu")
        if len(answer) == 0:
            return {}
        logits, y = answer.prediction, answer.target
        return {
            "accuracy": classification.top_k_accuracy(logits, y, 1),
            "balanced_accuracy": classification.balanced_accuracy(logits, y),
            "log_likelihood": -float(F.cross_entropy(logits.double(), y)),
        }

    # ---------------------------------------------------------------- record
    def identity(self) -> dict[str, Any]:
        """Settings that determine the numbers."""
        return {
            "split": self.split.describe(),
            "recordings": {s: len(i) for s, i in zip(SPLITS, self.index)},
            "label": self.label,
            "num_classes": self.num_classes,
            "training": {"stretch": self.stretch, "mirror": self.mirror, "noise": self.noise},
            "order_seed": self.seed,
            "selection": self.selection,
        }

    # ---------------------------------------------------------------- internals
    def _asking(self, split: str, epoch: int, device: torch.device) -> Any:
        return lambda index, first: self.query(index, split, first, device, epoch)

    def _changed(self, x: Tensor, seen: Tensor, draw: int) -> tuple[Tensor, Tensor]:
        """Crop, mirror and add noise; determined by seed, epoch and position in the stream."""
        make = torch.Generator().manual_seed((self.seed * 7919 + draw) % (1 << 62))
        rows, steps = x.shape[:2]
        if self.stretch < 1:
            row = torch.arange(1, steps + 1)
            lengths = (seen.flatten(2).any(2) * row).amax(1)  # rows to the last with a reading
            share = self.stretch + (1 - self.stretch) * torch.rand(rows, generator=make)
            kept = (lengths * share).ceil().long().clamp(min=1)
            start = (torch.rand(rows, generator=make) * (lengths - kept + 1)).long()
            at = torch.arange(steps)
            inside = at < kept[:, None]
            source = (start[:, None] + at).clamp(max=steps - 1)[..., None, None].expand_as(x)
            seen = seen.gather(1, source) & inside[..., None, None]
            x = torch.where(seen, x.gather(1, source), 0)
        if self.mirror:
            turn = torch.rand(rows, generator=make) < 0.5
            x = torch.cat(
                [torch.where(turn[:, None, None, None], -x[..., :1], x[..., :1]), x[..., 1:]], -1
            )
        if self.noise:
            x = torch.where(seen, x + self.noise * torch.randn(x.shape, generator=make), 0)
        return x, seen

    def _summary(self) -> str:
        sizes = " / ".join(f"{len(i):,}" for i in self.index)
        return (
            f"{self.split.name} split, {sizes} whole recordings to train, validate and test, "
            f"{self.num_classes} classes, epoch chosen by validation "
            f"{self.selection.replace('_', ' ')}"
        )


def _regular(graph: TemporalGraph, gaps: str | None) -> TemporalGraph:
    """Return the graph whose recordings are classified, as ``gaps`` says."""
    if gaps is not None:
        check_choice(gaps, "gaps", ("raise", "missing", "join"))
    found = None if graph.signal is None or gaps == "join" else find_gaps(graph)
    if found is None:
        return graph
    if gaps == "missing":
        return fill_gaps(graph)
    if gaps == "raise":
        raise found.error("gaps='missing' fills rows in.")
    warnings.warn(
        f"{found}, and follow one another all the same. gaps='join' says that this is meant, "
        "gaps='missing' fills rows in.",
        GraphWarning,
        stacklevel=3,
    )
    return graph
