"""The record of one run: its settings, its protocol and its metrics."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from graphkit.engine.fitted import Fitted
from graphkit.errors import GraphError
from graphkit.files import write_text
from graphkit.json_record import damaged, opened, read_json, sealed

if TYPE_CHECKING:
    from torch import nn

    from graphkit.engine.predictor import Predictor

__all__ = ["SCHEMA", "Result", "load_results", "save_results"]

SCHEMA = "graphkit.result/1"


@dataclass
class Result:
    """Result of one run: one model, one data set, one seed.

    Attributes:
        task: Registered name of the task.
        dataset: Name of the graph.
        model: Registered name of the model, or its class name.
        seed: Seed of the run.
        settings: Settings of the training and, where available, of the model.
        versions: Package versions.
        device: Device of the run.
        threads: Number of CPU threads of torch.
        protocol: Split, negatives and the definition of each metric.
        metrics: ``{"val": {...}, "test": {...}}``; ``"val"`` belongs to the selected epoch.
        timing: ``train_events_per_s``, ``eval_events_per_s`` (of the validation passes),
            ``epoch_s`` (seconds per epoch, training and validation), ``peak_rss_mb``.
        published: Published values by metric: ``{"ap": {"value", "std", "source"}}``.
        curves: ``train_loss``, ``val_loss`` and ``val_<selection metric>`` per epoch, and
            ``best_epoch`` (counted from 0).
    """

    task: str
    dataset: str
    model: str
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"
    threads: int = 1
    protocol: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    timing: dict[str, Any] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)

    _fitted: ClassVar[Fitted | None] = None  # set by of_run; not part of the record

    def of_run(self, model: nn.Module, task: Any, batch_size: int) -> Result:
        """Return the same record with its fitted model attached, for :attr:`predictor`."""
        self._fitted = Fitted(model, task, batch_size)
        return self

    @property
    def predictor(self) -> Predictor:
        """Predictor of the fitted model for new data; see :class:`graphkit.Predictor`.

        Raises:
            GraphError: The result was read from a file, or the model has changed since it was
                fitted (it was evaluated or trained further).
        """
        if self._fitted is None:
            raise GraphError(
                "predictor",
                "a result that was read from a file has no model",
                fix="Save the predictor after fit, and open it: Predictor.open(folder).",
            )
        return self._fitted.predictor()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values, with ``schema`` as the first key."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Result:
        """Create a result from the output of :meth:`to_dict`.

        Raises:
            GraphError: The schema is another one, or a field is missing or of another type.
        """
        if record.get("schema") != SCHEMA:
            raise GraphError(
                "schema", "not a result record", expected=SCHEMA, got=record.get("schema")
            )
        names = [f.name for f in fields(cls)]
        missing = [name for name in names[:4] if name not in record]
        if missing:
            raise GraphError("result", f"the record has no {', '.join(missing)}")
        made = cls(**{name: record[name] for name in names if name in record})
        for name, kind in _KINDS.items():
            if not isinstance(getattr(made, name), kind):
                raise GraphError(
                    name, "not that of a result", expected=kind.__name__, got=getattr(made, name)
                )
        return made

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the record and its checksum as JSON; with ``path``, also write it atomically."""
        text = json.dumps(sealed(_plain(self.to_dict())), indent=2, allow_nan=False) + "\n"
        if path is not None:
            write_text(path, text)
        return text

    def summary(self) -> str:
        """Return a text table of the metrics per split, with protocol and timing."""
        splits = [s for s in self.metrics if self.metrics[s]]
        rows = [[m, *(_number(self.metrics[s].get(m)) for s in splits)] for m in self._metrics()]
        lines = [
            f"{self.model} on {self.dataset} · {self.task} · seed {self.seed} · {self.device}",
            *table(["", *splits], rows),
        ]
        described = self.protocol.get("summary")
        if described:
            lines.append(described)
        lines.append(self._timing_line())
        return "\n".join(lines)

    def plot(self, path: str | Path) -> Path:
        """Plot the loss and the selection metric to a PNG file.

        Raises:
            MissingPackageError: matplotlib is absent; the message names the extra ``plot``.
        """
        from graphkit.engine.plot import plot_curves

        return plot_curves([self], path)

    def _metrics(self) -> list[str]:
        """Metric names of all splits, in order of first occurrence."""
        return list(dict.fromkeys(name for split in self.metrics.values() for name in split))

    def _timing_line(self) -> str:
        t = self.timing
        parts = [
            f"{name} {t[key]:,.0f} events/s"
            for name, key in (("train", "train_events_per_s"), ("eval", "eval_events_per_s"))
            if t.get(key)
        ]
        if t.get("epoch_s"):
            parts.append(f"{len(t['epoch_s'])} epochs in {sum(t['epoch_s']):.1f} s")
        if t.get("peak_rss_mb"):
            parts.append(f"peak memory {t['peak_rss_mb']:,.0f} MiB")
        return " · ".join(parts)

    def __str__(self) -> str:
        return self.summary()


def save_results(results: list[Result], path: str | Path) -> Path:
    """Write records as JSON atomically: a single record as an object, several as a list."""
    if len(results) == 1:
        results[0].to_json(path)
        return Path(path)
    records = [sealed(_plain(r.to_dict())) for r in results]
    return write_text(path, json.dumps(records, indent=2, allow_nan=False) + "\n")


def load_results(path: str | Path) -> list[Result]:
    """Read one or several records from a JSON file.

    Raises:
        MissingFileError: There is no such file.
        GraphError: The file is damaged or contains something else; the message names the file.
    """
    records = read_json(path)
    records = records if isinstance(records, list) else [records]
    found = []
    for number, record in enumerate(records):
        try:
            found.append(Result.from_dict(opened(record, path)))
        except GraphError as error:
            if str(path) in str(error):
                raise
            raise damaged(path, f"record {number + 1}: {error}") from error
    return found


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a table: the first column is left-aligned, the others are right-aligned."""
    cells = [[str(c) for c in row] for row in [head, *rows]]
    width = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, width)))
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * w for w in width))
    return [line.rstrip() for line in lines]


_KINDS: dict[str, type] = {
    **dict.fromkeys(("task", "dataset", "model", "device"), str),
    **dict.fromkeys(("seed", "threads"), int),
    **dict.fromkeys(("settings", "versions", "protocol", "metrics"), dict),
    **dict.fromkeys(("timing", "published", "curves"), dict),
}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _plain(value: Any) -> Any:
    """Convert to JSON types: NaN and infinity to null, tuples to lists, other values to text."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
