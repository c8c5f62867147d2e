from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.ops.co_occurrence import co_occurrence, co_occurrence_reference
from graphkit.ops.co_occurrence import op as module

rows = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(-1, 4), min_size=width, max_size=width), min_size=1, max_size=5
    )
)


@pytest.mark.parametrize("path", ["torch", "compiled"])
@given(rows=rows, data=st.data())
@settings(max_examples=40, deadline=None)
def test_equals_counting_in_lists(path, rows, data):
    key = torch.tensor(rows)
    pick = st.lists(st.integers(0, len(rows) - 1), max_size=7)
    u = torch.tensor(data.draw(pick), dtype=torch.int64)
    v = torch.tensor([data.draw(st.integers(0, len(rows) - 1)) for _ in u], dtype=torch.int64)
    with pytest.MonkeyPatch.context() as patch:
        if path == "torch":
            patch.setattr(module, "use_compiled", lambda *tensors: False)
            patch.setattr(module, "_CELLS", 40)
        found = co_occurrence(key, u, v)
    for got, want in zip(found, co_occurrence_reference(key, u, v), strict=True):
        assert got.dtype == torch.int64
        assert torch.equal(got, want)


def test_an_example():
    key = torch.tensor([[-1, 7, 8, 7], [7, 9, -1, -1]])
    of_u, of_v = co_occurrence(key, torch.tensor([0]), torch.tensor([1]))
    assert of_u.tolist() == [[0, 1, 0, 1]]
    assert of_v.tolist() == [[2, 0, 0, 0]]
