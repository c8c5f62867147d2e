from __future__ import annotations

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.stream import check_time_dtype, pack_time, unpack_time


@pytest.mark.parametrize(
    "t",
    [
        torch.tensor([-5, 0, 2**31 + 1, 2**62 + 1]),
        torch.tensor([-1.5, 0.0, 1.6e9 + 1e-6], dtype=torch.float64),
    ],
)
def test_round_trip(t: torch.Tensor):
    packed = pack_time(t, t.dtype)
    assert packed.dtype == torch.int64
    assert torch.equal(unpack_time(packed, t.dtype), t)


def test_zero_bits_are_time_zero():
    assert unpack_time(torch.zeros(1, dtype=torch.int64), torch.float64).item() == 0.0


def test_integer_times_in_a_float_stream_are_converted():
    packed = pack_time(torch.tensor([3]), torch.float64)
    assert unpack_time(packed, torch.float64).item() == 3.0


def test_float_times_in_an_integer_stream_are_refused():
    with pytest.raises(GraphError, match="integer times"):
        pack_time(torch.tensor([0.5]), torch.int64)


def test_float32_is_no_time():
    with pytest.raises(GraphError, match="float64"):
        check_time_dtype(torch.float32)
