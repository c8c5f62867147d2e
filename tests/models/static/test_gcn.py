"""GCN against dense matrices."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.models.static import GCN


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_equals_dense_layers(layers):
    torch.manual_seed(0)
    n, x = 8, torch.randn(8, 5)
    edge_index = torch.tensor([[0, 1, 1, 2, 5, 6], [1, 0, 2, 1, 6, 7]])
    weight = torch.rand(6) + 0.1
    model = GCN(5, 6, 3, num_layers=layers).eval()
    dense = torch.eye(n).index_put((edge_index[1], edge_index[0]), weight)
    scale = dense.sum(dim=1).rsqrt()
    norm = scale.unsqueeze(1) * dense * scale
    h = x
    for i, conv in enumerate(model.convs):
        h = norm @ (torch.relu(h) if i else h) @ conv.lin.weight.T + conv.bias
    torch.testing.assert_close(model(x, edge_index, weight), h)


def test_glorot_and_no_layer():
    torch.manual_seed(0)
    weight = GCN(100, 50, 3).convs[0].lin.weight
    assert float(weight.detach().abs().max()) <= (6 / 150) ** 0.5
    with pytest.raises(GraphError, match="num_layers"):
        GCN(5, 6, 3, num_layers=0)
