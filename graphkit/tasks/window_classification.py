"""Graph classification of windows of a signal: in which state was the whole?"""

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
_SMALLER = ("top2", "tri_p", "seq2hr", "adjacency", "adjacency_first")  # of more than two classes


@register("task", "window_classification", view="signal")
class WindowClassification(SignalTask):
    r"""Tell the class of windows of a signal whose recordings (trials, clips) have labels.

    A window has the label of the recording that it lies in. The split says which windows train,
    validate and test, and its name is in every result; none of its windows crosses a border.
    Validation and test go through every window at a fixed stride, once: no metric depends on a
    draw. Training goes through all windows in a new order each epoch, or draws them balanced.

    Metrics are taken over all classes, whether they occur or not: ``accuracy``,
    ``balanced_accuracy``, ``f1_weighted``, ``log_likelihood``, and for more than two classes
    ``top2``, ``tri_p``, ``seq2hr``, ``adjacency`` and ``adjacency_first``
    (:mod:`graphkit.metrics.ordinal`). With ``vote`` the same with the prefix ``vote_``, the log
    probabilities of a recording's windows being averaged first.

    Args:
        graph: With a ``signal``, its recordings and their labels, such as
            ``load("eeg_eye_state")``.
        history: Rows of a window.
        stride: Rows between two training windows; half a window if ``None``.
        eval_stride: The same for validation and test; a window if ``None``.
        split: A :class:`~graphkit.data.window_index.WindowSplit`; ten blocks within every
            recording, the first one tested, if ``None``.
        label: Column of ``graph.recordings`` that holds the classes: integers from 0, or text,
            which is numbered in alphabetical order.
        num_classes: Classes; the largest label plus one if ``None``.
        scaler: ``"window"`` takes each electrode's mean off a window and divides the window by its
            standard deviation over all electrodes: nothing outside the window is looked at. The
            others (see :func:`~graphkit.data.scalers.make_scaler`) are fitted on training rows.
        scale_per: ``"all"``, ``"channel"``, ``"node"`` or ``"recording"``, of the other scalers.
        loss: ``"cross_entropy"``; ``"ordinal"``, with smoothed labels; ``"earth_mover"``.
        smoothing: Width s of ``"ordinal"``, in classes.
        balanced: Draw training windows with replacement: a class that occurs, then one of its
            recordings, then a window of it, all uniformly.
        windows_per_epoch: Training windows of an epoch; all of them if ``None``.
        class_weights: Weigh the training loss of a window by (windows of the most frequent class /
            windows of its class).
        correct_labels: Name of a column of recordings, such as ``"clip"``: in training, a
            recording's label is the most frequent one among the training recordings with the same
            value there. Validation and test keep their own labels, and theirs are never counted.
        vote: Also report metrics of whole recordings.
        missing: What models are given where a reading is missing: ``"interpolate"``, ``"zero"`` or
            ``"raise"``, see :class:`~graphkit.tasks.window_input.WindowInput`. Scales are those of
            the readings that are there.
        max_gap: Longest run of missing readings that is interpolated, in rows; ``None`` for any.
        gaps: What to do where rows of a recording are not one step apart, see
            :meth:`TemporalGraph.windows`.
        selection: The metric that chooses the epoch, on validation.
        seed: Of orders and draws.

    Attributes:
        class_names: How the classes are called, ``None`` where they have numbers only.
        input: Prepares windows for a model (:class:`~graphkit.tasks.window_input.WindowInput`).

    Raises:
        GraphError: No signal, no labels, or a class that only the test knows.
        UnknownNameError: An unknown loss, scaler, selection or column.
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
        """Warn of windows that hold no reading at all, and with ``missing="raise"`` refuse those
        that lack one."""
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

    # ---------------------------------------------------------------- what models may ask
    @property
    def in_steps(self) -> int:
        """Rows of a window."""
        return self.windows.history

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """None: a window is looked at by itself."""
        return ()

    @property
    def scaler(self) -> Scaler | None:
        """Scales readings, fitted to the rows of training windows; ``None`` if windows scale
        themselves."""
        return self.input.scaler

    def training_windows(self) -> tuple[Tensor, Tensor]:
        """All training windows, scaled, ``[W, T, N, C]``, and their classes ``[W]``."""
        query = self.query(self.index[0], "train")
        return query.x, query.y

    # ---------------------------------------------------------------- what is asked
    def query(
        self, index: Any, split: str = "test", first: int = 0, device: torch.device | str = "cpu"
    ) -> WindowQuery:
        """Some windows, by number, as a model sees them.

        Args:
            index: Numbers of windows: of ``windows`` for ``"train"``, else of ``eval_windows``.
            split: ``"train"``, ``"val"`` or ``"test"``.
            first: Their position in a stream.
            device: Where they go.
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
        """A model's logits, ``[B, C]``."""
        logits = model(*model_inputs(model, query.x, None, query.x_mask))
        return check_width(logits, self.num_classes)

    def stacked_logits(self, stack: nn.Module, queries: Sequence[WindowQuery]) -> Tensor:
        """Logits ``[r, B, C]`` of a stack of models, each with windows of its own.

        Raises:
            GraphError: In training the batches differ in size: padding would disturb them.
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
        """The answer to a query, from logits of its windows (and of padding behind them)."""
        return Answer(logits[: len(query)], query.y, group=query.recording)

    def score(self, model: nn.Module, query: WindowQuery) -> Answer:
        """Logits ``[B, C]``, classes ``[B]``, and the recording of each window as its group."""
        return self.answer(self.logits(model, query), query)

    def loss(self, answer: Answer, total: int) -> Tensor:
        """The contribution of these rows to the mean loss of ``total`` rows."""
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
        """All metrics over the windows of a split, and with ``vote`` over its recordings, which the
        groups of the answers name."""
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
        """What decides the numbers."""
        return {
            "split": self.split.describe(),
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

    # ---------------------------------------------------------------- inside
    def _asking(self, split: str, epoch: int, device: torch.device) -> Any:
        return lambda index, first: self.query(index, split, first, device)

    def _y(self, split: str) -> Tensor:
        labels = self.train_labels if split == "train" else self.labels
        return labels[self._recordings_of(split)]

    def _recordings_of(self, split: str) -> Tensor:
        windows = self.windows if split == "train" else self.eval_windows
        return windows.recording[self.index[SPLITS.index(split)]]

    def _order(self, epoch: int) -> Tensor:
        """Training windows of an epoch."""
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
        """Per training window: one over classes, recordings of the class, windows of that."""
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
    """Windows with so many empty ones behind."""
    return torch.cat([x, x.new_zeros(rows, *x.shape[1:])]) if rows else x
