"""Modules of stream models: time encodings, neighbour buffers, message stores, pair tables."""

from graphkit.nn.stream.event_batch import EventColumns
from graphkit.nn.stream.event_features import EventFeatures, refuse_feature_table
from graphkit.nn.stream.event_history import EventHistory, HistoryRows
from graphkit.nn.stream.event_records import EventRecords, event_records
from graphkit.nn.stream.event_times import EventTimes
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time
from graphkit.nn.stream.fading_table import FadingTable
from graphkit.nn.stream.history_tokens import HistoryTokens, Patches
from graphkit.nn.stream.joint_readout import (
    AttentionReadout,
    CodeReadout,
    JointView,
    RecencyReadout,
)
from graphkit.nn.stream.message_store import MessageStore, PendingEvents
from graphkit.nn.stream.n_cache import CacheRows, NCache
from graphkit.nn.stream.node_tables import NodeTables
from graphkit.nn.stream.pair_head import PairHead
from graphkit.nn.stream.pair_table import PairTable
from graphkit.nn.stream.queries import check_node_ids, check_pairs
from graphkit.nn.stream.recent_neighbors import RecentNeighbors, RecentRows, RecordsAhead
from graphkit.nn.stream.stream_clock import StreamClock
from graphkit.nn.stream.table_rows import feature_table, feature_width, grow_rows
from graphkit.nn.stream.temporal_walks import TemporalWalks
from graphkit.nn.stream.time_encoding import TimeEncoder, num_buckets, recency_bucket
from graphkit.nn.stream.timed_gru import TimedGRU

__all__ = [
    "AttentionReadout",
    "CacheRows",
    "CodeReadout",
    "EventColumns",
    "EventFeatures",
    "EventHistory",
    "EventRecords",
    "EventTimes",
    "FadingTable",
    "HistoryRows",
    "HistoryTokens",
    "JointView",
    "MessageStore",
    "NCache",
    "NodeTables",
    "PairHead",
    "PairTable",
    "Patches",
    "PendingEvents",
    "RecencyReadout",
    "RecentNeighbors",
    "RecentRows",
    "RecordsAhead",
    "StreamClock",
    "TemporalWalks",
    "TimeEncoder",
    "TimedGRU",
    "check_node_ids",
    "check_pairs",
    "check_time_dtype",
    "event_records",
    "feature_table",
    "feature_width",
    "grow_rows",
    "num_buckets",
    "pack_time",
    "recency_bucket",
    "refuse_feature_table",
    "unpack_time",
]
