"""Numbers of classes against a loop over the labels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.errors import GraphError
from graphkit.nn.inputs.class_ids import check_class_ids


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 1500), max_size=30), st.booleans())
def test_what_is_refused(labels, unknown):
    y = torch.tensor(labels, dtype=torch.int64)
    negative = [row for row, label in enumerate(labels) if label < 0]
    large = labels and max(labels) >= max(1000, len(labels))
    if negative and not unknown:
        with pytest.raises(GraphError, match=f"'y', row {negative[0]}: a class is negative"):
            check_class_ids(y, "y", unknown=unknown)
    elif large:
        row = labels.index(max(labels))
        with pytest.raises(GraphError, match=f"'y', row {row}: a class out of range"):
            check_class_ids(y, "y", unknown=unknown)
    else:
        assert check_class_ids(y, "y", unknown=unknown).tolist() == labels


def test_many_rows_may_have_many_classes():
    check_class_ids(torch.arange(5000), "y")


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32])
def test_integers_of_any_type(dtype):
    found = check_class_ids(torch.tensor([0, 1]).to(dtype), "y", unknown=False)
    assert found.dtype == torch.int64
    assert found.tolist() == [0, 1]


@pytest.mark.parametrize("y", [None, torch.rand(3), torch.zeros(2, 2, dtype=torch.int64)])
def test_what_is_no_class(y):
    with pytest.raises(GraphError, match="'edge_y': not classes"):
        check_class_ids(y, "edge_y")
