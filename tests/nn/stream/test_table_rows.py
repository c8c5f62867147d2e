from __future__ import annotations

import pytest
import torch

from graphkit.nn.stream import feature_table, grow_rows


@pytest.mark.parametrize("shape", [(), (3,), (2, 4), (2, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.uint8])
def test_rows_one_by_one(shape: tuple[int, ...], dtype: torch.dtype):
    table = torch.arange(5).view(5, *[1] * len(shape)).expand(5, *shape).to(dtype).contiguous()
    old, grown = table.clone(), table
    storages = set()
    for num_rows in range(6, 200):
        grown = grow_rows(grown, num_rows, fill=1)
        assert grown.shape == (num_rows, *shape)
        assert grown.dtype == dtype
        assert grown.is_contiguous()
        storages.add(grown.untyped_storage().data_ptr())
    assert torch.equal(grown[:5], old)
    assert bool((grown[5:] == 1).all())
    assert len(storages) <= 7 or 0 in shape  # 10, 20, 40, 80, 160, 320: it doubles
    assert grow_rows(grown, 100) is grown


def test_what_is_written_in_between_stays():
    table = torch.zeros(0, dtype=torch.int64)
    for i in range(100):
        table = grow_rows(table, i + 1, fill=None)
        table[i] = i
    assert torch.equal(table, torch.arange(100))


def test_spare_rows_are_filled_when_they_are_taken():
    """What stood there before does not come back."""
    table = grow_rows(torch.zeros(4), 5, fill=7)
    again = grow_rows(table[:4], 8)
    assert again.untyped_storage().data_ptr() == table.untyped_storage().data_ptr()
    assert again.tolist() == [0.0] * 8


def test_a_view_from_the_middle_is_copied():
    whole = torch.arange(10)
    grown = grow_rows(whole[2:4], 6)
    assert grown.tolist() == [2, 3, 0, 0, 0, 0]
    assert whole.tolist() == list(range(10))


def test_grown_in_inference_mode_it_can_be_written_to_afterwards():
    with torch.inference_mode():
        made = torch.ones(2)
        grown = grow_rows(grow_rows(torch.ones(2), 3), 4)
        other = grow_rows(made, 4)
    for table in (grown, other):
        assert not table.is_inference()
        table += 1
        assert grow_rows(table, 5).tolist() == [2.0, 2.0, 1.0, 1.0, 0.0]


def test_shapes_and_type():
    assert feature_table(None) is None
    for shape, want in {(4,): (4, 1), (4, 3): (4, 3), (4, 3, 2): (4, 6)}.items():
        value = torch.randint(9, shape)
        found = feature_table(value)
        assert found.shape == want
        assert found.dtype == torch.get_default_dtype()
        assert torch.equal(found.view(shape).long(), value)
