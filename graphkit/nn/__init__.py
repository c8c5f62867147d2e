"""Layers with the calling conventions of PyG and torch; each is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit.lazy import lazy_names

if TYPE_CHECKING:
    from graphkit.nn import (
        attention,
        caching,
        conv,
        decoder,
        dropout,
        inputs,
        losses,
        memory,
        norm,
        regions,
        signal,
        snapshot,
        sparse,
        spectral,
        stacking,
        stream,
    )
    from graphkit.nn.attention import (
        MRFFN,
        HeadProjections,
        MultiHeadAttention,
        PatternMemory,
        RelativeTables,
        SEAttention,
        SERotary,
        SpatialBasis,
    )
    from graphkit.nn.conv import DAGNNConv
    from graphkit.nn.decoder import Decoder, DecoderLayer
    from graphkit.nn.dropout import SeededDropout
    from graphkit.nn.losses import OrdinalSmoothing
    from graphkit.nn.memory import NeuralMemory
    from graphkit.nn.norm import ChannelNorm, FrameNorm, MaxNorm, ReversibleInstanceNorm
    from graphkit.nn.regions import BlockDiagonal, ChebyshevFilter, NodeFusion
    from graphkit.nn.signal import (
        DailyProfile,
        PerNodeForecaster,
        SensorEmbedding,
        TimeFeatures,
        Transition,
    )
    from graphkit.nn.signal.residual_cnn import ResidualCNN
    from graphkit.nn.signal.skeleton import SkeletonFeatures
    from graphkit.nn.snapshot import (
        EGCU,
        ColumnCell,
        FadingDegrees,
        MatrixGRU,
        MatrixLSTM,
        NodeMLP,
        OneByOne,
        PairHistory,
        PairMLP,
        RecentSteps,
        Snapshot,
        SnapshotPredictor,
        TopKSummary,
        as_snapshot,
    )
    from graphkit.nn.sparse import SparseLinear
    from graphkit.nn.stacking import Stack
    from graphkit.nn.stream import (
        AttentionReadout,
        CodeReadout,
        EventFeatures,
        EventHistory,
        EventTimes,
        FadingTable,
        HistoryTokens,
        MessageStore,
        NCache,
        NodeTables,
        PairHead,
        PairTable,
        Patches,
        RecencyReadout,
        RecentNeighbors,
        StreamClock,
        TemporalWalks,
        TimedGRU,
        TimeEncoder,
    )

__all__ = [
    "AttentionReadout",
    "BlockDiagonal",
    "ChannelNorm",
    "ChebyshevFilter",
    "CodeReadout",
    "ColumnCell",
    "DAGNNConv",
    "DailyProfile",
    "Decoder",
    "DecoderLayer",
    "EGCU",
    "EventFeatures",
    "EventHistory",
    "EventTimes",
    "FadingDegrees",
    "FadingTable",
    "FrameNorm",
    "HeadProjections",
    "HistoryTokens",
    "MRFFN",
    "MatrixGRU",
    "MatrixLSTM",
    "MaxNorm",
    "MessageStore",
    "MultiHeadAttention",
    "NCache",
    "NeuralMemory",
    "NodeFusion",
    "NodeMLP",
    "NodeTables",
    "OneByOne",
    "OrdinalSmoothing",
    "PairHistory",
    "PairMLP",
    "PairHead",
    "PairTable",
    "Patches",
    "PatternMemory",
    "PerNodeForecaster",
    "RecencyReadout",
    "RecentNeighbors",
    "RecentSteps",
    "RelativeTables",
    "ResidualCNN",
    "ReversibleInstanceNorm",
    "SEAttention",
    "SERotary",
    "SeededDropout",
    "SensorEmbedding",
    "SkeletonFeatures",
    "Snapshot",
    "SnapshotPredictor",
    "SparseLinear",
    "SpatialBasis",
    "Stack",
    "StreamClock",
    "TemporalWalks",
    "TimeEncoder",
    "TimeFeatures",
    "TimedGRU",
    "TopKSummary",
    "Transition",
    "as_snapshot",
    "attention",
    "caching",
    "conv",
    "decoder",
    "dropout",
    "inputs",
    "losses",
    "memory",
    "norm",
    "regions",
    "signal",
    "snapshot",
    "sparse",
    "spectral",
    "stacking",
    "stream",
]

__getattr__, __dir__ = lazy_names(__name__)
