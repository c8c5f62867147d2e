"""Truth and forecasts of one node over the beginning of the test subset."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.files import whole_file, write_atomically

__all__ = ["keep", "plot"]

_DAYS = 1.0  # of the test subset that are shown


def keep(folder: Path, label: str, model: Any, task: Any, batch_size: int) -> None:
    """Write the forecasts of the last horizon, and the truth, for the node that varies most."""
    import torch

    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    model.eval()
    rows = []
    with torch.no_grad():
        for query in task.stream("test", batch_size, device=device):
            answer = task.score(model, query)
            truth = answer.target
            if answer.mask is not None:
                truth = truth.masked_fill(~answer.mask, torch.nan)
            last = torch.stack([answer.prediction, truth], dim=1)[:, :, -1, :, 0]
            rows.append(last.float().cpu())
    found = torch.cat(rows)  # [Q, 2, N]
    node = int(found[:, 1].nan_to_num().std(0).argmax())
    t = task.windows.graph.signal_t[task.windows.start[task.index.test] + task.windows.rows - 1]
    record = {
        "t": t.numpy(),
        "pred": found[:, 0, node].numpy(),
        "truth": found[:, 1, node].numpy(),
        "node": node,
        "horizon": task.horizon,
    }
    path = folder / f"forecast-{_file(label)}.npz"
    write_atomically(path, lambda file: np.savez(file, **record))


def plot(folder: Path, labels: list[str], path: str | None, data: str) -> Path | None:
    """Draw what :func:`keep` wrote of every model; ``None`` if there is nothing.

    Raises:
        MissingPackageError: matplotlib is absent.
    """
    from graphkit.errors import require

    files = {label: folder / f"forecast-{_file(label)}.npz" for label in labels}
    files = {label: file for label, file in files.items() if file.exists()}
    if not files:
        return None
    require("matplotlib", extra="plot")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for i, (label, file) in enumerate(files.items()):
        record = np.load(file)
        t = record["t"].astype("datetime64[s]")
        shown = t < t[0] + np.timedelta64(int(86_400 * _DAYS), "s")
        if i == 0:
            axes.plot(t[shown], record["truth"][shown], color="black", linewidth=1.5, label="truth")
            axes.set_title(f"{data}, node {record['node']}: {record['horizon']} steps ahead, test")
        axes.plot(t[shown], record["pred"][shown], linewidth=1, label=label)
    axes.legend(ncols=4, fontsize="small")
    axes.grid(alpha=0.3)
    with whole_file(path or folder / "forecast.png") as hidden:
        figure.savefig(hidden, dpi=120)
    return Path(path) if path else folder / "forecast.png"


def _file(label: str) -> str:
    return re.sub(r"[^\w.=+-]+", "_", label)
