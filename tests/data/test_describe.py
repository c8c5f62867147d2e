"""What print(g) shows."""

from __future__ import annotations

import pytest
import torch

from graphkit import TemporalGraph, TimeUnit
from graphkit.data.describe import span_text


def test_every_part_is_shown(full: TemporalGraph) -> None:
    lines = str(full).splitlines()
    assert lines[0] == "TemporalGraph 'full' (6 nodes, 6 events, on cpu)"
    shown = {line[:18].strip(): line[18:].strip() for line in lines[1:]}
    assert shown["src, dst"] == "int64 [6]  node ids 0 to 5"
    assert shown["t"].startswith("int64 [6]  -5 to 1099511627776 in ms (span 1,817 w ")
    assert shown["edge_attr"] == "float32 [6, 3]"
    assert shown["edge_y"] == "int8 [6]"
    assert shown["edge_weight"] == "float64 [6]"
    assert shown["edge_type"] == "int64 [6]"
    assert shown["x"] == "float32 [6, 2]"
    assert shown["y"] == "int64 [6]"
    assert shown["node_type"].startswith("int")
    assert shown["node_names"] == "<U4 [6]  'n a', 'b', ..."
    assert shown["node_events.node"] == "int64 [3]"
    assert shown["node_events.t"] == "int64 [3]  3 to 9 in ms (span 0.006 s)"
    assert shown["node_events.x"] == "bfloat16 [3, 2]"
    assert shown["node_events.y"] == "float64 [3]"
    assert shown["signal"] == "float32 [5, 6, 2]  (time, node, channel)"
    assert shown["signal_t"] == "int64 [5]  0 to 45 in ms (span 0.045 s)"
    assert shown["signal_mask"] == "bool [5, 6, 2]  true where valid"


def test_a_small_graph_a_slice_and_a_static_one() -> None:
    g = TemporalGraph([0, 1, 2], [1, 2, 0], [0.5, 1.0, 8.5], time_unit="h")
    assert str(g) == (
        "TemporalGraph (3 nodes, 3 events, on cpu)\n"
        "  src, dst  int64 [3]  node ids 0 to 2\n"
        "  t         float64 [3]  0.5 to 8.5 in h (span 8 h)"
    )
    assert "2 events, rows 1 to 3 of 3, on cpu" in str(g[1:])
    assert "no times, in h" in str(g[:0])
    assert "(static, 2 nodes, 1 events" in str(TemporalGraph([0], [1], [0]))
    assert "0 events" in str(TemporalGraph([], [], [], signal=torch.zeros(2, 2, 1)))


@pytest.mark.parametrize(
    ("ticks", "unit", "text"),
    [
        (0, "s", "0 s"),
        (59, "s", "59 s"),
        (61, "s", "1 min 1 s"),
        (60, "s", "1 min"),
        (90000, "s", "1 d 1 h"),
        (86401, "s", "1 d"),
        (14 * 86400 + 3600, "s", "2 w"),
        (1.5, "h", "1 h 30 min"),
        (5_000_000_000, "ns", "5 s"),
        (1, "step", "1 step"),
        (1234, "step", "1,234 steps"),
    ],
)
def test_spans(ticks: float, unit: str, text: str) -> None:
    assert span_text(ticks, TimeUnit(unit)) == text


def test_two_id_spaces_are_counted() -> None:
    g = TemporalGraph([0, 1], [2, 2], [0, 1], node_space=[False, False, True])
    assert "node_space  bool [3]  2 sources, 1 destinations" in repr(g)
