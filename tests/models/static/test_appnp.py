"""APPNP against personalised PageRank on dense matrices."""

import torch

from graphkit.models.static import APPNP


def test_equals_the_iteration_and_tends_to_its_limit():
    torch.manual_seed(0)
    n, alpha = 9, 0.2
    x = torch.randn(n, 5, dtype=torch.float64)
    edge_index = torch.randint(n, (2, 20))
    weight = torch.rand(20, dtype=torch.float64) + 0.1
    model = APPNP(5, 7, 3, K=4, alpha=alpha).double().eval()
    dense = torch.eye(n, dtype=torch.float64)  # self loops weigh 1
    own = edge_index[0] == edge_index[1]
    dense[edge_index[0][own], edge_index[0][own]] = weight[own]  # the last one given stands
    for (u, v), w in zip(edge_index.T[~own].tolist(), weight[~own]):
        dense[v, u] += w
    scale = dense.sum(dim=1).rsqrt()
    norm = scale.unsqueeze(1) * dense * scale
    z = model.lin2(torch.relu(model.lin1(x)))
    h = z
    for _ in range(4):
        h = (1 - alpha) * norm @ h + alpha * z
    torch.testing.assert_close(model(x, edge_index, weight), h)
    model.conv.K = 200
    limit = alpha * torch.linalg.solve(torch.eye(n).double() - (1 - alpha) * norm, z)
    torch.testing.assert_close(model(x, edge_index, weight), limit)


def test_without_hops_it_is_an_mlp():
    torch.manual_seed(0)
    model, x = APPNP(5, 7, 3, K=0).eval(), torch.randn(4, 5)
    out = model(x, torch.tensor([[0, 1], [1, 2]]))
    torch.testing.assert_close(out, model.lin2(torch.relu(model.lin1(x))))
