"""Draw the picture of README and home page: what goes in, the four views, what comes out.

python docs/figures/overview.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import _style
import matplotlib.pyplot as plt
import numpy as np
from _style import BLUE, GREEN, INK, LINE, ORANGE, PINK, QUIET
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

WIDTH, HEIGHT = 120, 58  # units of the drawing
CARD = "#ffffff"


def card(axes: plt.Axes, x: float, y: float, width: float, height: float, **style) -> None:
    """A white box with round corners."""
    style = {"facecolor": CARD, "edgecolor": LINE, "linewidth": 1.1, **style}
    shape = "round,pad=0,rounding_size=1.2"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, **style))


def arrow(axes: plt.Axes, start: tuple[float, float], end: tuple[float, float], bend=0.0) -> None:
    """A quiet arrow."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            linewidth=1.2,
            color=QUIET,
            shrinkA=0,
            shrinkB=0,
            connectionstyle=f"arc3,rad={bend}",
        )
    )


def write(axes: plt.Axes, x: float, y: float, text: str, size: float = 8.5, **style) -> None:
    """Text whose left end is at x and whose middle is at y."""
    axes.text(x, y, text, **{"fontsize": size, "va": "center", "color": INK, **style})


def table(axes: plt.Axes, x: float, y: float, rows: list[list[str]], places: list[float]) -> None:
    """A small table: a head and rows of typewriter text; y is the middle of the head."""
    for i, row in enumerate(rows):
        for place, cell in zip(places, row):
            head = {"color": QUIET} if i == 0 else {}
            write(axes, x + place, y - 2.35 * i, cell, 6.8, family="DejaVu Sans Mono", **head)


def inputs(axes: plt.Axes) -> None:
    """Three kinds of tables and objects."""
    write(axes, 3, 54, "Your data", 10.4, fontweight="bold")
    card(axes, 3, 35.5, 25, 15.5)
    write(axes, 4.5, 48.8, "events", fontweight="bold")
    rows = [
        ["src", "dst", "time"],
        ["ann", "bob", "09:00"],
        ["bob", "cy", "09:04"],
        ["ann", "cy", "09:31"],
    ]
    table(axes, 4.5, 45.6, rows, [0, 7, 13.5])
    card(axes, 3, 19.5, 25, 13.5)
    write(axes, 4.5, 30.8, "sensor readings", fontweight="bold")
    t = np.linspace(0, 1, 120)
    for i, color in enumerate((BLUE, ORANGE, GREEN)):
        wave = np.sin(7 * t + i) + 0.5 * np.sin(23 * t + 2 * i)
        axes.plot(4.5 + 22 * t, 27.4 - 2.6 * i + 0.75 * wave, color=color, linewidth=1.2)
    card(axes, 3, 4, 25, 13)
    write(axes, 4.5, 14.8, "files and graphs", fontweight="bold")
    write(axes, 4.5, 11.6, "pandas · CSV · Parquet", 7.6, color=QUIET)
    write(axes, 4.5, 9.0, "PyG · networkx · DGL", 7.6, color=QUIET)
    write(axes, 4.5, 6.4, "EEG recordings", 7.6, color=QUIET)


def container(axes: plt.Axes) -> None:
    """The graph that all of them become."""
    card(axes, 34, 19, 19, 20, facecolor="#eef4fa", edgecolor=BLUE)
    write(axes, 43.5, 35.8, "TemporalGraph", 9.5, ha="center", fontweight="bold", color=BLUE)
    nodes = np.array([[38.2, 30.6], [44.2, 32.2], [49.4, 29.2], [40.4, 26.2], [46.6, 25.4]])
    for a, b in ((0, 1), (1, 2), (0, 3), (3, 4), (1, 4), (2, 4)):
        axes.plot(*nodes[[a, b]].T, color=QUIET, linewidth=1.1, zorder=2)
    colors = (BLUE, ORANGE, GREEN, PINK, BLUE)
    axes.scatter(*nodes.T, s=52, c=colors, edgecolors="white", linewidths=1.2, zorder=3)
    write(axes, 43.5, 21.6, "sorted by time, checked", 7.4, ha="center", color=QUIET)
    for y in (43, 26.2, 10.5):
        arrow(axes, (28.6, y), (33.4, 29 + (y - 26.5) * 0.35))


def stream(axes: plt.Axes, x: float, y: float) -> None:
    """Events on a line, in batches."""
    axes.plot([x, x + 12], [y, y], color=LINE, linewidth=1.2)
    times = [0.5, 1.3, 2.8, 4.6, 5.2, 6.6, 8.6, 9.2, 10.9]
    colors = [BLUE] * 3 + [ORANGE] * 3 + [GREEN] * 3
    axes.scatter([x + t for t in times], [y] * len(times), s=19, c=colors, zorder=3)


def snapshots(axes: plt.Axes, x: float, y: float) -> None:
    """Three small graphs behind one another."""
    corners = np.array([[-1.1, -1.1], [1.1, -1.1], [0, 1.2]])
    for i, edges in enumerate((((0, 1),), ((0, 1), (1, 2)), ((0, 2), (1, 2)))):
        nodes = corners + np.array([x + 1.8 + 4.3 * i, y])
        for a, b in edges:
            axes.plot(*nodes[[a, b]].T, color=QUIET, linewidth=1.1)
        axes.scatter(*nodes.T, s=15, color=(BLUE, ORANGE, GREEN)[i], zorder=3)


def windows(axes: plt.Axes, x: float, y: float) -> None:
    """A signal: a known part and a forecast one."""
    t = np.linspace(0, 1, 100)
    wave = y + 1.1 * np.sin(11 * t) * (0.6 + 0.4 * t)
    axes.axvspan(x + 8, x + 12, (y - 2) / HEIGHT, (y + 2) / HEIGHT, color="#fdeee3")
    axes.plot(x + 12 * t[:67], wave[:67], color=BLUE, linewidth=1.3)
    axes.plot(x + 12 * t[66:], wave[66:], color=ORANGE, linewidth=1.3, linestyle=(0, (2, 1)))


def static(axes: plt.Axes, x: float, y: float) -> None:
    """One graph, whose nodes have classes."""
    nodes = np.array([[0.4, -0.9], [2.9, 1.2], [5.4, -1.1], [8.0, 1.1], [10.9, -0.5]])
    nodes += np.array([x, y])
    for a, b in ((0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (2, 4)):
        axes.plot(*nodes[[a, b]].T, color=QUIET, linewidth=1.1, zorder=2)
    axes.scatter(*nodes.T, s=24, c=[BLUE, BLUE, BLUE, ORANGE, ORANGE], zorder=3)


def views(axes: plt.Axes) -> None:
    """The four views with the models that read it."""
    write(axes, 60, 54, "Four views", 10.4, fontweight="bold")
    kinds = (
        ("stream", stream, "NAT · TGN · EdgeBank"),
        ("snapshots", snapshots, "EvolveGCN · GCN-GRU"),
        ("windows", windows, "ST-LINK · HiSTN · EEGNet"),
        ("static graph", static, "DAGNN · APPNP · GCN"),
    )
    for i, (name, draw, models) in enumerate(kinds):
        y = 41 - 12.3 * i
        card(axes, 60, y, 31, 10)
        write(axes, 61.5, y + 7.2, name, fontweight="bold")
        write(axes, 61.5, y + 2.5, models, 7.4, color=QUIET)
        draw(axes, 77, y + 6.9)
        arrow(axes, (53.6, 29 + (y - 22.6) * 0.3), (59.4, y + 5))


def outputs(axes: plt.Axes) -> None:
    """What a fitted model gives: the next links, forecasts, classes, all by name."""
    write(axes, 97, 54, "Predictions", 10.4, fontweight="bold")
    card(axes, 97, 35.5, 20, 15.5)
    write(axes, 98.5, 48.8, "next links", fontweight="bold")
    table(
        axes,
        98.5,
        45.6,
        [["ann →", "score"], ["cy", "0.94"], ["dee", "0.61"], ["bob", "0.17"]],
        [0, 11],
    )
    card(axes, 97, 19.5, 20, 13.5)
    write(axes, 98.5, 30.8, "forecasts", fontweight="bold")
    t = np.linspace(0, 1, 90)
    wave = 25 + 2.4 * np.sin(8 * t) * (0.5 + 0.5 * t)
    axes.plot(98.5 + 17 * t[:55], wave[:55], color=BLUE, linewidth=1.4)
    axes.plot(98.5 + 17 * t[54:], wave[54:], color=ORANGE, linewidth=1.4, linestyle=(0, (2, 1)))
    card(axes, 97, 4, 20, 13)
    write(axes, 98.5, 14.8, "classes", fontweight="bold")
    table(axes, 98.5, 11.6, [["node", "class"], ["bob", "A  0.88"], ["cy", "B  0.73"]], [0, 7.5])
    for y, target in ((46, 45), (33.7, 39), (21.4, 26.2), (9.1, 10.5)):
        arrow(axes, (91.6, y), (96.4, target))


def overview() -> plt.Figure:
    """The whole picture."""
    figure = plt.figure(figsize=(8.7, 8.7 * HEIGHT / WIDTH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    inputs(axes)
    container(axes)
    views(axes)
    outputs(axes)
    return figure


def main(folder: Path = _style.FOLDER) -> None:
    """Write the picture."""
    _style.use()
    _style.write(overview(), "overview", folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
