from __future__ import annotations

import torch

from graphkit.nn.stream import event_records


def test_records_are_grouped_by_node_and_ordered_by_time_then_event():
    records = event_records(
        src=torch.tensor([5, 2, 2, 9]),
        dst=torch.tensor([2, 5, 2, 5]),
        t=torch.tensor([10, 10, 4, 10]),
        event_id=torch.tensor([3, 1, 8, 2]),
    )
    assert records.owner.tolist() == [2, 2, 2, 5, 5, 5, 9]
    assert records.event_id.tolist() == [8, 1, 3, 1, 2, 3, 2]
    assert records.other.tolist() == [2, 5, 5, 2, 9, 2, 5]  # the self loop is there once
    assert records.t.tolist() == [4, 10, 10, 10, 10, 10, 10]
    assert records.node.tolist() == [2, 5, 9]
    assert records.count.tolist() == [3, 3, 1]
    assert records.rank.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert records.rank_from_last.tolist() == [2, 1, 0, 2, 1, 0, 0]


def test_no_events():
    none = torch.empty(0, dtype=torch.int64)
    assert event_records(none, none, none, none).owner.shape == (0,)
