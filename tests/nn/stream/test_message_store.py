from __future__ import annotations

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.stream import MessageStore


def fill(store: MessageStore, src, dst, t, event_id) -> None:
    store.insert(*(torch.tensor(v) for v in (src, dst, t, event_id)))


def test_a_batch_replaces_the_messages_of_its_nodes_only():
    store = MessageStore(6, slots=2)
    fill(store, [0, 0, 0], [1, 2, 3], [5, 6, 6], [10, 11, 12])
    fill(store, [4], [1], [9], [13])
    pending = store(torch.tensor([0, 1, 2, 5]))
    assert pending.mask.tolist() == [[True, True], [True, False], [True, False], [False, False]]
    assert pending.other.tolist() == [[3, 2], [4, 0], [0, 0], [0, 0]]  # latest first
    assert pending.event_id.tolist() == [[12, 11], [13, 0], [11, 0], [0, 0]]
    assert pending.time.tolist() == [[6, 6], [9, 0], [6, 0], [0, 0]]


def test_the_last_message_is_the_latest_by_time_then_event_in_any_order():
    store = MessageStore(4, time_dtype=torch.float64)
    fill(store, [0, 3, 0], [1, 0, 2], [7.5, 7.5, 7.25], [1, 2, 0])
    pending = store(torch.tensor([0]))
    assert pending.event_id.tolist() == [[2]]
    assert pending.other.tolist() == [[3]]
    assert pending.time.tolist() == [[7.5]]


def test_a_self_loop_is_one_message():
    store = MessageStore(2, slots=3)
    fill(store, [1], [1], [0], [0])
    pending = store(torch.tensor([1]))
    assert pending.mask.tolist() == [[True, False, False]]
    assert pending.other.tolist() == [[1, 0, 0]]


def test_state_dict_and_reset():
    store, other = MessageStore(3), MessageStore(3)
    fill(store, [0], [2], [2**40 + 1], [2**33])
    other.load_state_dict(store.state_dict())
    assert other(torch.tensor([2])).event_id.item() == 2**33
    assert other(torch.tensor([2])).time.item() == 2**40 + 1
    other.reset_state()
    assert not other(torch.arange(3)).mask.any()


def test_slots():
    with pytest.raises(GraphError, match="at least one message"):
        MessageStore(3, slots=0)
