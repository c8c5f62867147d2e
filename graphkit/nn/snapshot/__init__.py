"""Pieces of snapshot models: normalised snapshots, cells that evolve weights, summaries, heads."""

from graphkit.nn.snapshot.activity import FadingDegrees, fading_degrees
from graphkit.nn.snapshot.column_cell import ColumnCell
from graphkit.nn.snapshot.columns import Columns
from graphkit.nn.snapshot.egcu import CELLS, EGCU, graph_convolution, make_cell
from graphkit.nn.snapshot.heads import NodeMLP, make_head
from graphkit.nn.snapshot.matrix_gru import MatrixGRU
from graphkit.nn.snapshot.matrix_lstm import MatrixLSTM
from graphkit.nn.snapshot.one_by_one import OneByOne
from graphkit.nn.snapshot.pair_history import LinkedPairs, PairHistory
from graphkit.nn.snapshot.pair_mlp import PairMargins, PairMLP
from graphkit.nn.snapshot.predictor import RankedStep, SnapshotPredictor, detach_state
from graphkit.nn.snapshot.recent import RecentSteps
from graphkit.nn.snapshot.snapshot import (
    FLOWS,
    Snapshot,
    as_snapshot,
    check_flow,
    out_degree,
)
from graphkit.nn.snapshot.summarize import TopKSummary

__all__ = [
    "CELLS",
    "EGCU",
    "FLOWS",
    "FadingDegrees",
    "ColumnCell",
    "Columns",
    "LinkedPairs",
    "MatrixGRU",
    "MatrixLSTM",
    "NodeMLP",
    "OneByOne",
    "PairHistory",
    "PairMLP",
    "PairMargins",
    "RecentSteps",
    "RankedStep",
    "Snapshot",
    "SnapshotPredictor",
    "TopKSummary",
    "as_snapshot",
    "check_flow",
    "detach_state",
    "fading_degrees",
    "graph_convolution",
    "make_cell",
    "make_head",
    "out_degree",
]
