"""Ragged rows against plain Python."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.encoders.sequence.masks import (
    compact,
    key_padding_mask,
    last_valid,
    previous_valid,
    spread,
    time_gaps,
    valid_positions,
)

masks = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=4)
)


@settings(max_examples=20)
@given(masks)
def test_against_lists(rows: list[list[bool]]) -> None:
    mask = torch.tensor(rows)
    value = torch.arange(mask.numel()).view(*mask.shape, 1).float() + 1
    time = value.squeeze(-1).double() ** 2
    gap, last, seen = time_gaps(time, mask, torch.full(mask.shape[:1], -3.0), mask[:, 0] ^ True)
    packed, order, lengths = compact(value, mask)
    for b, row in enumerate(rows):
        valid = [i for i, ok in enumerate(row) if ok]
        assert last_valid(value, mask)[b].item() == (value[b, valid[-1]].item() if valid else 0)
        assert lengths[b] == len(valid)
        assert packed[b, : len(valid)].tolist() == value[b, valid].tolist()
        before = None if row[0] else -3.0
        for i, ok in enumerate(row):
            earlier = [j for j in valid if j < i]
            assert previous_valid(mask)[b, i] == (earlier[-1] if earlier else -1)
            assert valid_positions(mask)[b, i] == sum(row[: i + 1]) - 1
            want = 0.0
            if ok:
                want = 0.0 if before is None else time[b, i].item() - before
                before = time[b, i].item()
            assert gap[b, i].item() == want
        assert last[b].item() == (-3.0 if before is None else before)
        assert bool(seen[b]) == (before is not None)
    torch.testing.assert_close(spread(packed, order), value)
    start = torch.full(mask.shape[:1], 5)
    assert torch.equal(valid_positions(mask, start), valid_positions(mask) + 5)


def test_without_a_mask_all_are_valid() -> None:
    time = torch.tensor([[1, 4, 4, 2]])
    gap, last, seen = time_gaps(time, None, torch.tensor([0.0]), torch.tensor([True]))
    assert gap.tolist() == [[1, 3, 0, 0]]  # time that runs backwards is no gap
    assert last.tolist() == [2]
    assert seen.tolist() == [True]
    assert last_valid(time).tolist() == [2]
    assert last_valid(time[:, :0]).tolist() == [0]


def test_key_padding_mask_is_the_opposite() -> None:
    assert key_padding_mask(None) is None
    assert key_padding_mask(torch.tensor([[True, False]])).tolist() == [[False, True]]
