"""Classification of windows of a signal."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit import renamed
from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.data.recording_splits import recording_values
from graphkit.data.scalers import Scaler
from graphkit.data.window_index import WindowSplit
from graphkit.data.window_splits import BlockSplit
from graphkit.data.windows import name_short_recordings
from graphkit.errors import GraphError, GraphWarning
from graphkit.metrics import classification, ordinal
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.nn.losses.earth_mover import earth_mover_loss
from graphkit.nn.losses.ordinal import ordinal_smooth
from graphkit.registry import register
from graphkit.tasks.answer import Answer
from graphkit.tasks.class_labels import check_width, recording_classes
from graphkit.tasks.label_correction import modal_labels
from graphkit.tasks.signal_task import SPLITS, SignalTask
from graphkit.tasks.vote import vote
from graphkit.tasks.window_input import SCALERS, WindowInput
from graphkit.tasks.window_stream import WindowQuery, shuffled

__all__ = ["WindowClassification"]

_LOSSES = ("cross_entropy", "ordinal", "earth_mover")
_METRICS: dict[str, Callable[[Tensor, Tensor], float]] = {
    "accuracy": lambda s, y: classification.top_k_accuracy(s, y, 1),
    "balanced_accuracy": classification.balanced_accuracy,
    "f1_weighted": classification.weighted_f1,
    "top2": classification.top_k_accuracy,
    "tri_p": ordinal.tri_p,
    "seq2hr": ordinal.seq2hr,
    "adjacency": ordinal.adjacency_rate,
    "adjacency_first": ordinal.adjacency_rate,
    "log_likelihood": lambda s, y: -float(F.cross_entropy(s.double(), y)),
}
_SMALLER = ("top2", "tri_p", "seq2hr", "adjacency", "adjacency_first")  # more than two classes


@register("task", "window_classification", view="signal")
class WindowClassification(SignalTask):
    r"""Classify windows of a signal whose recordings (trials, clips) have labels.

    A window has the label of its recording. The split determines the training, validation and test
    windows, and its name is part of every result; no window crosses a border of the split.
    Validation and test use every window at a fixed stride once, so that no metric depends on random
    draws. Training uses all windows in a new order in each epoch, or draws them balanced.

    Metrics are computed over all classes, whether they occur or not: ``accuracy``,
    ``balanced_accuracy``, ``f1_weighted``, ``log_likelihood``, and for more than two classes
    ``top2``, ``tri_p``, ``seq2hr``, ``adjacency`` and ``adjacency_first``
    (:mod:`graphkit.metrics.ordinal`). With ``vote``, the same metrics are also reported with the
    prefix ``vote_`` after averaging the log probabilities of the windows of each recording.

    Args:
        graph: A graph with a ``signal`` in labelled recordings, such as ``load("eeg_eye_state")``.
        history: Number of rows of a window.
        stride: Number of rows between the starts of training windows; by default half a window.
        eval_stride: Number of rows between the starts of validation and test windows; by default
            a window.
        split: A :class:`~graphkit.data.window_index.WindowSplit`; by default ten blocks within
            every recording, with the first block as the test.
        label: Column of ``graph.recordings`` with the classes: non-negative integers, or text,
            which is numbered in alphabetical order.
        num_classes: Number of classes; by default the largest label plus one.
        scaler: ``"window"`` subtracts the mean of each electrode in the window and divides the
            window by its standard deviation over all electrodes, using no readings outside the
            window. The others (see :func:`~graphkit.data.scalers.make_scaler`) are fitted on
            training rows.
        scale_per: ``"all"``, ``"channel"``, ``"node"`` or ``"recording"``, for the other scalers.
        loss: ``"cross_entropy"``, ``"ordinal"`` (with smoothed labels) or ``"earth_mover"``.
        smoothing: Width s of ``"ordinal"``, in classes.
        balanced: Whether to draw training windows with replacement: first a class that occurs, then
            one of its recordings, then one of its windows, each uniformly.
        windows_per_epoch: Number of training windows per epoch; by default all.
        class_weights: Whether to weight the training loss of a window by (windows of the most
            frequent class / windows of its class).
        correct_labels: Name of a column of recordings, such as ``"clip"``. In training, the label
            of a recording is replaced by the most frequent label among the training recordings with
            the same value in this column. Validation and test recordings keep their labels and are
            not counted.
        vote: Whether to also report metrics of whole recordings.
        missing: Handling of missing readings: ``"interpolate"``, ``"zero"`` or ``"raise"``, see
            :class:`~graphkit.tasks.window_input.WindowInput`. Scales are computed from the present
            readings only.
        max_gap: Maximum number of consecutive missing readings that are interpolated; ``None`` for
            no limit.
        gaps: Handling of rows of a recording that are not one step apart, see
            :meth:`TemporalGraph.windows`.
        selection: Validation metric that selects the epoch.
        seed: Seed of orders and draws.

    Attributes:
        class_names: Names of the classes; ``None`` if they are only numbered.
        input: Module that prepares windows for a model
            (:class:`~graphkit.tasks.window_input.WindowInput`).

    Raises:
        GraphError: There is no signal, there are no labels, or a class occurs only in the test.
        UnknownNameError: A loss, scaler, selection or column is unknown.
    """

    name = "window_classification"
    kind = "classify"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        history: int = 128,
        stride: int | None = None,
        eval_stride: int | None = None,
        split: WindowSplit | None = None,
        label: str = "y",
        num_classes: int | None = None,
        scaler: str = "window",
        scale_per: str = "node",
        loss: str = "cross_entropy",
        smoothing: float = 0.5,
        balanced: bool = False,
        windows_per_epoch: int | None = None,
        class_weights: bool = False,
        correct_labels: str | None = None,
        vote: bool = False,
        missing: str = "interpolate",
        max_gap: int | None = None,
        gaps: str | None = None,
        selection: str = "log_likelihood",
        seed: int = 0,
    ) -> None:
        for what, value, known in (
            ("loss", loss, _LOSSES),
            ("scaler", scaler, SCALERS),
            ("selection", selection, [*_METRICS, *(f"vote_{m}" for m in _METRICS)]),
        ):
            check_choice(value, what, known)
        scale_per = renamed.value("scale_per", scale_per)
        super().__init__(graph)
        self.windows = graph.windows(history, 0, stride or max(1, history // 2), gaps=gaps)
        self.graph = graph = self.windows.graph
        self.gaps = "split" if gaps is None else gaps
        self.eval_windows = graph.windows(history, 0, eval_stride or history, gaps=self.gaps)
        self.too_short = name_short_recordings(self.windows)
        self.split = split or BlockSplit()
        self.index = (
            self.split.split(self.windows).train,
            *self.split.split(self.eval_windows)[1:],
        )
        self.label = label
        self.labels, self.class_names = recording_classes(graph, label)
        self.num_classes = int(num_classes or self.labels.max() + 1)
        if int(self.labels.max()) >= self.num_classes:
            raise GraphError(
                f"recordings.{label}", "a class out of range", row=int(self.labels.argmax()),
                expected=f"0 to {self.num_classes - 1}", got=int(self.labels.max()),
            )  # fmt: skip
        self.selection, self.seed, self.vote = selection, int(seed), vote
        if selection.startswith("vote_") and not vote:
            raise GraphError("selection", "there is no vote", fix="Pass vote=True.")
        self.loss_name, self.smoothing, self.balanced = loss, smoothing, balanced
        self.windows_per_epoch, self.class_weights = windows_per_epoch, class_weights
        self.correct_labels = correct_labels
        self.train_labels = self._corrected()
        self._check_classes()
        self.input = WindowInput(
            self.num_nodes,
            self.in_channels,
            history=history,
            scaler=scaler,
            scale_per=scale_per,
            missing=missing,
            max_gap=max_gap,
        )
        if graph.signal_mask is not None:
            self._look_for_missing()
        self.input.fit(
            graph.signal,
            graph.signal_mask,
            self.windows.covered(self.index[0]),
            graph.signal_recording,
        )
        counts = torch.bincount(self._y("train"), minlength=self.num_classes).double()
        weight = torch.where(counts > 0, counts.max() / counts.clamp_min(1), 1.0)
        self._weight = weight.float() if class_weights else None

    def _look_for_missing(self) -> None:
        """Warn about windows without any reading; with ``missing="raise"``, raise if a reading is
        missing."""
        mask = self.graph.signal_mask
        rows = mask.flatten(1).any(1).cpu()
        before = torch.cat([torch.zeros(1, dtype=torch.int64), rows.cumsum(0)])
        for windows in (self.windows, self.eval_windows):
            start = windows.start
            empty = int((before[start + windows.rows] == before[start]).sum())
            if empty:
                warnings.warn(
                    f"{empty} of {len(windows)} windows hold no reading",
                    GraphWarning,
                    stacklevel=3,
                )
        if self.input.missing == "raise" and not bool(mask.all()):
            row = int((~mask.flatten(1).all(1)).nonzero()[0])
            raise GraphError(
                "signal",
                "a reading is missing",
                row=row,
                fix="missing='interpolate' fills in readings, missing='zero' takes the mean.",
            )

    # ---------------------------------------------------------------- sizes for models
    @property
    def in_steps(self) -> int:
        """Number of rows of a window."""
        return self.windows.history

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Always empty, because windows have no covariates."""
        return ()

    @property
    def scaler(self) -> Scaler | None:
        """Scaler of the readings, fitted on the rows of training windows; ``None`` if each window
        is scaled by its own statistics."""
        return self.input.scaler

    def training_windows(self) -> tuple[Tensor, Tensor]:
        """Return all scaled training windows ``[W, T, N, C]`` and their classes ``[W]``."""
        query = self.query(self.index[0], "train")
        return query.x, query.y

    # ---------------------------------------------------------------- queries
    def query(
        self, index: Any, split: str = "test", first: int = 0, device: torch.device | str = "cpu"
    ) -> WindowQuery:
        """Return windows as model input.

        Args:
            index: Numbers of the windows in ``windows`` for ``"train"``, otherwise in
                ``eval_windows``.
            split: ``"train"``, ``"val"`` or ``"test"``.
            first: Position of the first window in a stream.
            device: Device of the tensors.
        """
        windows = self.windows if split == "train" else self.eval_windows
        w, recording = windows[index], windows.recording[index]
        masked = self.graph.signal_mask is not None
        x, mask = self.input.prepare(w.x, w.x_mask if masked else None, recording)
        labels = self.train_labels if split == "train" else self.labels
        return WindowQuery(
            x=x.to(device),
            y=labels[recording].to(device),
            x_mask=None if mask is None else mask.to(device),
            recording=recording.to(device),
            first=first,
        )

    # ---------------------------------------------------------------- answers
    def logits(self, model: nn.Module, query: WindowQuery) -> Tensor:
        """Compute the logits of a model, ``[B, C]``."""
        logits = model(*model_inputs(model, query.x, None, query.x_mask))
        return check_width(logits, self.num_classes)

    def stacked_logits(self, stack: nn.Module, queries: Sequence[WindowQuery]) -> Tensor:
        """Compute logits ``[r, B, C]`` of a stack of models, each with its own windows.

        Raises:
            GraphError: Batches differ in size in training, where padding would change the results.
        """
        sizes = [len(query) for query in queries]
        if min(sizes) == max(sizes):
            return stack(*model_inputs(stack, torch.stack([query.x for query in queries])))
        if stack.training:
            raise GraphError(
                "windows_per_epoch", "the batches of these tasks differ in size",
                expected="the same number for all", got=f"{min(sizes)} to {max(sizes)}",
            )  # fmt: skip
        short = [max(sizes) - size for size in sizes]
        padded = torch.stack([_longer(q.x, s) for q, s in zip(queries, short)])
        return stack(*model_inputs(stack, padded))

    def answer(self, logits: Tensor, query: WindowQuery) -> Answer:
        """Return the answer to a query, given logits of its windows and of padding after them."""
        return Answer(logits[: len(query)], query.y, group=query.recording)

    def score(self, model: nn.Module, query: WindowQuery) -> Answer:
        """Return logits ``[B, C]``, classes ``[B]``, and the recording of each window as group."""
        return self.answer(self.logits(model, query), query)

    def loss(self, answer: Answer, total: int) -> Tensor:
        """Contribution of these rows to the mean loss of ``total`` rows."""
        logits, y = answer.prediction, answer.target
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        if self.loss_name == "earth_mover":
            each = earth_mover_loss(logits, y, reduction="none")
        else:
            target = y
            if self.loss_name == "ordinal":
                target = ordinal_smooth(y, self.num_classes, self.smoothing, dtype=logits.dtype)
            each = F.cross_entropy(logits, target, reduction="none")
        if self._weight is not None:
            each = each * self._weight.to(each)[y]
        return each.sum() / max(total, 1)

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Compute all metrics over the windows of a split and, with ``vote``, over its recordings,
        which are the groups of the answers."""
        answer = Answer.cat(answers).to("cpu")
        if len(answer) == 0:
            return {}
        logits, y = answer.prediction, answer.target
        found = self._all(logits, y)
        if self.vote:
            recording, voted, row = vote(logits, answer.group)
            truth = torch.zeros(len(recording), dtype=torch.int64).scatter_(0, row, y)
            found |= {f"vote_{k}": v for k, v in self._all(voted, truth).items()}
        return found

    # ---------------------------------------------------------------- record
    def identity(self) -> dict[str, Any]:
        """Settings that determine the numbers."""
        return {
            "split": self.split.describe(),
            **({"recordings_too_short": len(self.too_short)} if self.too_short else {}),
            "windows": {s: len(i) for s, i in zip(SPLITS, self.index)},
            "history": self.windows.history,
            "stride": {"train": self.windows.stride, "eval": self.eval_windows.stride},
            "label": self.label,
            "num_classes": self.num_classes,
            "scaler": self.input.scaler_name,
            "loss": self.loss_name,
            "smoothing": self.smoothing if self.loss_name == "ordinal" else None,
            "balanced": self.balanced,
            "windows_per_epoch": self.windows_per_epoch,
            "class_weights": self.class_weights,
            "correct_labels": self.correct_labels,
            "order_seed": self.seed,
            "selection": self.selection,
            "computed": {
                "windows": "every window of the split at its stride, once",
                "vote": "mean log probability of the windows of a recording",
                "classes": "all classes, whether they occur or not",
            },
        }

    # ---------------------------------------------------------------- internals
    def _asking(self, split: str, epoch: int, device: torch.device) -> Any:
        return lambda index, first: self.query(index, split, first, device)

    def _y(self, split: str) -> Tensor:
        labels = self.train_labels if split == "train" else self.labels
        return labels[self._recordings_of(split)]

    def _recordings_of(self, split: str) -> Tensor:
        windows = self.windows if split == "train" else self.eval_windows
        return windows.recording[self.index[SPLITS.index(split)]]

    def _order(self, epoch: int) -> Tensor:
        """Return the training windows of an epoch, in order."""
        index, size = self.index[0], self.windows_per_epoch or len(self.index[0])
        if self.balanced:
            draw = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            return index[torch.multinomial(self._chances(), size, True, generator=draw)]
        order = shuffled(index, self.seed, epoch)
        turn = epoch
        while len(order) < size:
            turn += 1_000_000
            order = torch.cat([order, shuffled(index, self.seed, turn)])
        return order[:size]

    def _chances(self) -> Tensor:
        """Probability of each training window: 1 / (classes * recordings of the class * windows of
        the recording)."""
        recording, y = self._recordings_of("train"), self._y("train")
        _, row, windows = recording.unique(return_inverse=True, return_counts=True)
        first = torch.zeros_like(windows).scatter_(0, row, y)
        recordings = torch.bincount(first, minlength=self.num_classes)
        return 1.0 / (recordings[y] * windows[row]).double()

    def _all(self, logits: Tensor, y: Tensor) -> dict[str, float]:
        found = {}
        for name, metric in _METRICS.items():
            if self.num_classes == 2 and name in _SMALLER:
                continue
            if name == "adjacency":
                found[name] = ordinal.adjacency_rate(logits)
            else:
                found[name] = metric(logits, y)
        return found

    def _corrected(self) -> Tensor:
        if self.correct_labels is None:
            return self.labels
        clip = recording_values(self.graph, self.correct_labels)
        return modal_labels(self.labels, clip, self._recordings_of("train").unique())

    def _check_classes(self) -> None:
        there = torch.bincount(self._y("train"), minlength=self.num_classes) > 0
        if int(there.sum()) < 2:
            raise GraphError(
                f"recordings.{self.label}", "training windows are of one class only",
                fix="Choose another split.",
            )  # fmt: skip

    def _summary(self) -> str:
        described = self.split.describe()
        detail = ", ".join(
            f"{k} {v}"
            for k, v in described.items()
            if k in ("num_blocks", "fold", "within", "test")
        )
        sizes = " / ".join(f"{len(i):,}" for i in self.index)
        return (
            f"{self.split.name} split ({detail}), {sizes} windows of {self.windows.history} steps, "
            f"epoch chosen by validation {self.selection.replace('_', ' ')}"
        )


def _longer(x: Tensor, rows: int) -> Tensor:
    """Pad windows with zero windows at the end."""
    return torch.cat([x, x.new_zeros(rows, *x.shape[1:])]) if rows else x
