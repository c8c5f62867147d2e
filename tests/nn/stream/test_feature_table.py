"""Features as a table of floats."""

import torch

from graphkit.nn.stream import feature_table


def test_shapes_and_type():
    assert feature_table(None) is None
    for shape, want in {(4,): (4, 1), (4, 3): (4, 3), (4, 3, 2): (4, 6)}.items():
        value = torch.randint(9, shape)
        found = feature_table(value)
        assert found.shape == want
        assert found.dtype == torch.get_default_dtype()
        assert torch.equal(found.view(shape).long(), value)
