"""Colours and settings of the figures of this documentation."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

FOLDER = Path(__file__).parent
# An opaque, nearly white card: it reads the same on light and on dark pages.
PAPER, INK, QUIET, LINE = "#fbfbfd", "#1f2733", "#5b6675", "#d5dae1"
# Wong, "Points of view: Color blindness", Nature Methods 8, 2011.
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
SKY, YELLOW = "#56b4e9", "#e69f00"
CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW, "#7a7f87", "#444b54", "#8c564b")


def use() -> None:
    """Make these the settings of matplotlib, and its SVG files the same at every run."""
    mpl.rcParams.update(
        {
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "savefig.facecolor": PAPER,
            "axes.edgecolor": LINE,
            "axes.labelcolor": QUIET,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e9ecf0",
            "text.color": INK,
            "xtick.color": QUIET,
            "ytick.color": QUIET,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "figure.constrained_layout.w_pad": 0.12,
            "figure.constrained_layout.h_pad": 0.12,
            "font.family": "DejaVu Sans",
            "font.size": 9,
            "figure.dpi": 72,
            "svg.hashsalt": "graphkit",
            "svg.fonttype": "path",
        }
    )


def write(figure, name: str, folder: Path = FOLDER) -> None:
    """Write a figure as SVG, without the date, and close it."""
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)
