"""Values of electrodes as a picture of the head from above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from graphkit.electrodes import clean_name, electrode_positions
from graphkit.errors import GraphError, require
from graphkit.files import write_atomically

__all__ = ["scalp_plot"]


def scalp_plot(
    values: Tensor | Sequence[float],
    electrodes: Sequence[str],
    path: str | Path,
    *,
    edges: Tensor | None = None,
    positions: Tensor | None = None,
    title: str = "",
    label: str = "",
) -> Path:
    """One disc per electrode, coloured by its value, on an outline of the head, nose up.

    Args:
        values: One per electrode, ``[N]``.
        electrodes: Their names.
        path: Where the PNG goes.
        edges: Pairs of electrodes that are joined by a line, int64 ``[2, E]``.
        positions: ``[N, 2]`` within the unit circle; by default from the names.
        title: Above the head.
        label: Of the colours.

    Raises:
        GraphError: Lengths differ, or a name is unknown.
        MissingPackageError: matplotlib is absent; the message names the extra ``plot``.
    """
    values = torch.as_tensor(values, dtype=torch.float64)
    if values.shape != (len(electrodes),):
        raise GraphError(
            "values", "one per electrode", expected=[len(electrodes)], got=list(values.shape)
        )
    xy = electrode_positions(electrodes) if positions is None else positions
    require("matplotlib", extra="plot")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    figure = Figure(figsize=(5, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.add_patch(Circle((0, 0), 0.9, fill=False, color="0.5"))
    axes.plot([-0.12, 0, 0.12], [0.892, 1.02, 0.892], color="0.5")  # the nose
    if edges is not None:
        for i, j in edges.t().tolist():
            axes.plot(*zip(xy[i].tolist(), xy[j].tolist()), color="0.8", linewidth=1, zorder=1)
    reach = float(values.abs().max()) or 1.0
    size = 500 if len(electrodes) <= 24 else 180
    discs = axes.scatter(
        xy[:, 0].tolist(),
        xy[:, 1].tolist(),
        c=values.tolist(),
        s=size,
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        edgecolors="0.3",
        linewidths=0.6,
        zorder=2,
    )
    for name, (x, y) in zip(electrodes, xy.tolist()):
        font = 7 if len(electrodes) <= 24 else 5
        axes.text(x, y, clean_name(name), ha="center", va="center", fontsize=font, zorder=3)
    figure.colorbar(discs, ax=axes, label=label, shrink=0.7)
    axes.set(title=title, xlim=(-1.05, 1.05), ylim=(-1.05, 1.1), aspect="equal")
    axes.set_axis_off()
    return write_atomically(path, lambda out: figure.savefig(out, format="png", dpi=150))
