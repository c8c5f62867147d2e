"""Pieces of stream models: time encodings, neighbour buffers, message stores, pair tables."""

from graphkit.nn.stream.event_records import EventRecords, event_records
from graphkit.nn.stream.event_times import EventTimes
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time
from graphkit.nn.stream.message_store import MessageStore, PendingEvents
from graphkit.nn.stream.pair_table import PairTable
from graphkit.nn.stream.recent_neighbors import RecentNeighbors, RecentRows
from graphkit.nn.stream.time_encoding import TimeEncoder

__all__ = [
    "EventRecords",
    "EventTimes",
    "MessageStore",
    "PairTable",
    "PendingEvents",
    "RecentNeighbors",
    "RecentRows",
    "TimeEncoder",
    "check_time_dtype",
    "event_records",
    "pack_time",
    "unpack_time",
]
