"""Comparison tables of results: models as rows, measured and published side by side."""

from __future__ import annotations

import statistics
from typing import Any

from graphkit.engine import Result

__all__ = ["brief", "comparison", "fold", "markdown", "title"]

_LABELS = {
    "ap": "AP",
    "auc": "AUC",
    "ap_random": "AP random",
    "ap_historical": "AP hist.",
    "ap_inductive": "AP induct.",
    "mrr": "MRR",
    "hits@10": "hits@10",
    "accuracy": "accuracy",
    "map": "MAP",
    "mrr_filtered": "MRR filtered",
    "mrr_sampled": "MRR sampled",
    "ap_sampled": "AP sampled",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "f1_macro": "macro F1",
    "f1_micro": "micro F1",
    "balanced_accuracy": "balanced acc.",
    "f1_weighted": "weighted F1",
    "top2": "top 2",
    "tri_p": "Tri-P",
    "seq2hr": "Seq2HR",
    "vote_balanced_accuracy": "balanced acc. of trials",
    **{
        f"{name}{at}": f"{name.upper()}{at}"
        for name in ("mae", "rmse", "mape", "wape")
        for at in ("", "@3", "@6", "@12")
    },
}

# Columns of the table that a page shows at once, by task; the others are folded below it.
FIRST = {
    "link_prediction": ("AP", "MRR", "AP hist.", "AP induct.", "train ev/s", "AUC"),
    "node_classification": ("accuracy", "published accuracy", "s/epoch", "peak MiB"),
    "snapshot_link_prediction": ("MAP", "published MAP", "MRR", "published MRR", "s/epoch"),
    "snapshot_node_classification": ("F1", "precision", "recall", "micro F1", "s/epoch"),
    "edge_classification": ("F1", "precision", "recall", "macro F1", "s/epoch"),
    "forecast": ("MAE", "MAE@3", "MAE@6", "MAE@12", "RMSE"),
    "window_classification": (
        "balanced acc.",
        "balanced acc. of trials",
        "Seq2HR",
        "accuracy",
        "weighted F1",
        "parameters",
        "s/epoch",
    ),
    "encoders": (
        *("parameters", "state", "step at 16", "step at 4096", "MiB kept at 1024"),
        *("parity", "running", "recall", "copy", "digits"),
    ),
    "recording_classification": ("accuracy", "balanced acc.", "train ev/s", "s/epoch", "peak MiB"),
}
COLUMNS = 6  # of a table on a page: more are wider than the text at 1280 pixels
_TEXT = ("note", "forms")  # columns of words

# In a source: the published figure is a mean over batches, which is another protocol than the
# figures of a whole split that stand here.
_BATCH_MEAN = "mean over batches"


def title(results: list[Result]) -> list[str]:
    """Data set and protocol, in words."""
    first = results[0]
    events = first.protocol.get("events", {})
    sizes = ", ".join(f"{n:,} {split}" for split, n in events.items())
    seeds = sorted({r.seed for r in results})
    what = first.task.replace("_", " ")
    return [
        f"{first.dataset}: {what}, test split" + (f" ({sizes} events)" if sizes else ""),
        f"{first.protocol.get('summary', '')}",
        f"{'seed' if len(seeds) == 1 else 'mean ± std over seeds'} "
        f"{', '.join(map(str, seeds))} · {first.device} · {first.threads} threads",
    ]


def comparison(results: list[Result]) -> tuple[list[str], list[list[str]], list[str]]:
    """Head, rows and footnotes of the table of a set of results, one row per model."""
    metrics = [m for m in _LABELS if any(m in r.metrics.get("test", {}) for r in results)]
    published = [m for m in metrics if any(m in r.published for r in results)]
    head = ["model"]
    sized = any(r.settings.get("parameters") for r in results)
    head += ["parameters"] if sized else []
    selected_by = "ap" if all("ap" in r.metrics.get("val", {}) for r in results) else None
    if selected_by:
        head.append(f"val {_LABELS[selected_by]}")
    for m in metrics:
        head += [_LABELS[m]] + ([f"published {_LABELS[m]}"] if m in published else [])
    head += ["train ev/s", "eval ev/s", "s/epoch", "peak MiB"]
    rows: list[list[str]] = []
    ahead: list[str] = []  # models whose queries see events of their own batch
    source: dict[str, list[str]] = {}
    for model in dict.fromkeys(r.model for r in results):
        mine = [r for r in results if r.model == model]
        row = [model]
        if sized:
            count = mine[0].settings.get("parameters")
            row.append(f"{count:,}" if count else "–")
        if selected_by:
            row.append(spread([r.metrics["val"][selected_by] for r in mine]))
        for m in metrics:
            row.append(spread([r.metrics["test"].get(m) for r in mine]))
            if m in published:
                row.append(_published(mine[0].published.get(m)))
        times = [r.timing for r in mine]
        row += [
            _mean([t.get("train_events_per_s") for t in times], ",.0f"),
            _mean([t.get("eval_events_per_s") for t in times], ",.0f"),
            _mean([statistics.median(t["epoch_s"]) for t in times if t.get("epoch_s")], ".2f"),
            _mean([t.get("peak_rss_mb") for t in times], ",.0f"),
        ]
        rows.append(row)
        if mine[0].protocol.get("within_batch"):
            ahead.append(model)
        for m in published:
            if mine[0].published.get(m):
                source.setdefault(mine[0].published[m]["source"], []).append(model)
    notes = [f"published, {_names(models)}: {where}" for where, models in source.items()]
    if ahead:
        who = "all models" if len(ahead) == len(rows) else _names(ahead)
        notes.append(f"{who}: queries also see the strictly earlier events of their batch")
    return head, rows, notes


def _names(models: list[str]) -> str:
    return ", ".join(dict.fromkeys(models))


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """The table in Markdown: numbers to the right; names and notes, which may wrap, to the left."""
    align = ["---", *["---" if name in _TEXT else "---:" for name in head[1:]]]
    return [f"| {' | '.join(cells)} |" for cells in [head, align, *rows]]


def fold(head: list[str], rows: list[list[str]], first: tuple[str, ...] = ()) -> list[str]:
    """A table of at most six columns, and the remaining columns below it, folded.

    Args:
        head: Names of the columns; the first one names the rows and stands in every table.
        rows: Cells.
        first: Names of the columns that are shown at once, in this order. Names that `head` does
            not have are left out, and places that remain are filled in the order of `head`.
    """
    chosen = [head.index(name) for name in first if name in head]
    chosen += [i for i in range(1, len(head)) if i not in chosen]
    size = COLUMNS - 1
    shown, rest = chosen[:size], sorted(chosen[size:])

    def table(columns: list[int]) -> list[str]:
        places = [0, *columns]
        return markdown([head[i] for i in places], [[row[i] for i in places] for row in rows])

    lines = table(shown)
    if not rest:
        return lines
    names = ", ".join(head[i] for i in rest)
    lines += ["", "<details>", f"<summary>More columns: {names}</summary>", ""]
    for start in range(0, len(rest), size):
        lines += [*table(rest[start : start + size]), ""]
    return [*lines, "</details>"]


def brief(results: list[Result]) -> list[str]:
    """Model, AP, AP published under the same protocol, and events per second in the test."""
    head = ["model", "AP", "published AP, same protocol", "events/s"]
    rows = []
    for model in dict.fromkeys(r.model for r in results):
        mine = [r for r in results if r.model == model]
        published = mine[0].published.get("ap")
        if published and _BATCH_MEAN in published["source"]:
            published = None
        rate = _mean([r.timing.get("eval_events_per_s") for r in mine], ",.0f")
        rows.append(
            [
                model,
                spread([r.metrics["test"].get("ap") for r in mine]),
                _published(published),
                rate,
            ]
        )
    return markdown(head, rows)


def spread(values: list[float | None]) -> str:
    """Mean, and ± standard deviation (of a sample) where there are several."""
    present = [v for v in values if v is not None]
    if not present:
        return "–"
    text = f"{statistics.fmean(present):.4f}"
    return f"{text} ± {statistics.stdev(present):.4f}" if len(present) > 1 else text


def _mean(values: list[float | None], form: str) -> str:
    present = [v for v in values if v is not None]
    return format(statistics.fmean(present), form) if present else "–"


def _published(entry: dict[str, Any] | None) -> str:
    if not entry:
        return "–"
    text = f"{entry['value']:.4f}"
    return f"{text} ± {entry['std']:.4f}" if entry.get("std") is not None else text
