"""EvolveGCN against a plain version written from the paper; the properties that it must have."""

import pytest
import torch
from torch_geometric.data import Data

from graphkit.encoders.sequence import GRU, LSTM
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.snapshot import EvolveGCNH, EvolveGCNO, SnapshotGCN
from graphkit.nn.snapshot import FLOWS, as_snapshot
from graphkit.testing.snapshot_model import check_snapshot_model, random_snapshots


def plain(model, snapshots):
    """The authors' forward pass: dense matrices, every snapshot convolved, no shortcut."""
    weights = [layer.weight for layer in model.layers]
    for data in snapshots:
        n = data.x.shape[0]
        a = torch.eye(n)
        for (u, v), w in zip(data.edge_index.T.tolist(), data.edge_weight.tolist()):
            a[(v, u) if model.flow == "source_to_target" else (u, v)] += w
        scale = a.sum(dim=1).rsqrt()
        a_hat = scale.unsqueeze(1) * a * scale
        active = sorted(set(data.edge_index.reshape(-1).tolist()))
        h = data.x
        for index, layer in enumerate(model.layers):
            x = old = weights[index]
            if layer.summary is not None:
                p = layer.summary.scorer
                y = h @ p / p.norm()
                top = sorted(active, key=lambda i: (-y[i].item(), i))[: layer.out_channels]
                if top:
                    top += [top[-1]] * (layer.out_channels - len(top))
                    x = (h * torch.tanh(y).unsqueeze(1))[top].T
                else:
                    x = torch.zeros_like(old)
            (wz, wr, wh), (uz, ur, uh) = layer.cell.weight_input, layer.cell.weight_hidden
            bz, br, bh = layer.cell.bias
            z = torch.sigmoid(wz @ x + uz @ old + bz)
            r = torch.sigmoid(wr @ x + ur @ old + br)
            new = torch.tanh(wh @ x + uh @ (r * old) + bh)
            weights[index] = (1 - z) * old + z * new
            h = torch.relu(a_hat @ (h @ weights[index]))
    return h


def build(make, *sizes, **options):
    torch.manual_seed(0)
    return make(*(sizes or (5, 4)), **options)


@pytest.mark.parametrize("make", [EvolveGCNO, EvolveGCNH])
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("flow", FLOWS)
def test_equals_the_plain_version_and_its_gradient(make, steps, flow):
    model, snapshots = build(make, flow=flow), random_snapshots(steps)
    got, want = model(snapshots)[0], plain(model, snapshots)
    torch.testing.assert_close(got, want)
    parameters = list(model.parameters())
    a = torch.autograd.grad(got.square().sum(), parameters)
    b = torch.autograd.grad(want.square().sum(), parameters)
    for x, y in zip(a, b):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [EvolveGCNO, EvolveGCNH])
def test_saturated_gates_give_a_static_gcn(make):
    model, static = build(make), SnapshotGCN(5, 4)
    with torch.no_grad():
        for layer, weight in zip(model.layers, static.weights):
            layer.cell.bias[0] = -1e4
            weight.copy_(layer.weight)
    snapshots = random_snapshots(4)
    for a, b in zip(model(snapshots, outputs="all")[0], static(snapshots, outputs="all")[0]):
        torch.testing.assert_close(a, b)


# ------------------------------------------------------------------ what -O knows of the past
def test_o_does_not_depend_on_history():
    model, snapshots = build(EvolveGCNO), random_snapshots(4)
    other = [*random_snapshots(3, num_nodes=30, num_edges=50, seed=9), snapshots[-1]]
    assert torch.equal(model(snapshots)[0], model(other)[0])
    for s in snapshots:
        s.x.requires_grad_()
    model(snapshots, outputs="all")[0][-1].sum().backward()
    assert all(s.x.grad is None or not s.x.grad.any() for s in snapshots[:-1])
    assert snapshots[-1].x.grad.any()


def test_h_depends_on_history():
    model, snapshots = build(EvolveGCNH), random_snapshots(4)
    other = random_snapshots(3, seed=9) + snapshots[-1:]
    assert not torch.allclose(model(snapshots)[0], model(other)[0])
    snapshots[0].x.requires_grad_()
    model(snapshots)[0].sum().backward()
    assert snapshots[0].x.grad.any()


def test_o_on_a_constant_sequence_and_along_the_timeline():
    model = build(EvolveGCNO)
    same = random_snapshots(1) * 6
    window = [model(same[t - 2 : t + 1])[0] for t in range(2, 6)]
    assert all(torch.equal(window[0], w) for w in window)
    states = model.weights(6)
    assert not torch.allclose(states[4][0][0], states[5][0][0])
    carried, _ = model(same[:3], None)
    assert torch.equal(carried, window[0])  # begun at step t - h, a carried run is the window
    assert torch.equal(model.weights(6)[2][0][0], model.weights(3)[2][0][0])


def test_o_with_lstm_stays_in_the_unit_interval():
    model = build(EvolveGCNO, 5, 4, cell="lstm")
    for state in model.weights(5):
        assert all(bool((layer[0].abs() < 1).all()) for layer in state)


# ------------------------------------------------------------------ -H
def test_h_permutation_of_nodes():
    model, snapshots = build(EvolveGCNH), random_snapshots(4)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    moved = []
    for s in snapshots:
        x = torch.empty_like(s.x)
        x[order] = s.x
        moved.append(Data(x=x, edge_index=order[s.edge_index], edge_weight=s.edge_weight))
    (a, first), (b, second) = model(snapshots), model(moved)
    torch.testing.assert_close(b[order], a)
    for x, y in zip(first, second):
        torch.testing.assert_close(x[0], y[0])


@pytest.mark.parametrize("make", [EvolveGCNO, EvolveGCNH])
def test_node_sets_that_change_completely(make):
    model = build(make)
    snapshots = [
        random_snapshots(1, num_nodes=n, num_edges=2 * n, seed=n)[0] for n in (6, 19, 4, 11)
    ]
    out, _ = model(snapshots, outputs="all")
    assert [len(h) for h in out] == [6, 19, 4, 11]
    out[-1].sum().backward()
    sizes = {n: p.shape for n, p in model.named_parameters()}
    assert sizes == {n: p.shape for n, p in build(make).named_parameters()}


def test_rrelu_is_random_in_training_only():
    model, snapshots = build(EvolveGCNH, activation="rrelu"), random_snapshots(3)
    assert not torch.equal(model(snapshots)[0], model(snapshots)[0])
    model.eval()
    assert torch.equal(model(snapshots)[0], model(snapshots)[0])
    plain_relu = build(EvolveGCNH)
    assert torch.equal(plain_relu(snapshots)[0], plain_relu.eval()(snapshots)[0])


def test_number_of_parameters_is_the_papers():
    d, k = 5, 4
    per_layer = [6 * a * a + 3 * a * k + a * k for a in (d, k)]
    assert sum(p.numel() for p in build(EvolveGCNO).parameters()) == sum(per_layer)
    assert sum(p.numel() for p in build(EvolveGCNH).parameters()) == sum(per_layer) + d + k


def test_errors():
    model = build(EvolveGCNO)
    with pytest.raises(GraphError, match="at least one snapshot"):
        model([])
    with pytest.raises(UnknownNameError, match="Did you mean 'all'"):
        model(random_snapshots(1), outputs="al")
    with pytest.raises(UnknownNameError, match="activation"):
        EvolveGCNO(5, 4, activation="tanh")
    with pytest.raises(GraphError, match="num_layers"):
        EvolveGCNO(5, 4, 0)


# ------------------------------------------------------------------ learning
def told_by_the_past(seed):
    """Two groups on a block model; labels are exchanged if the snapshot before had the signal."""
    draw = torch.Generator().manual_seed(seed)
    n, signal = 20 + seed % 7, seed % 2  # nodes that the snapshot before did not have
    found = []
    for value in (2 * signal - 1, 0):
        group = (torch.rand(n, generator=draw) < 0.5).float()
        edge_index = torch.randint(n, (2, 4 * n), generator=draw)
        edge_index = edge_index[:, group[edge_index[0]] == group[edge_index[1]]]
        x = torch.stack([group, 1 - group, torch.full((n,), float(value))], dim=1)
        found.append(as_snapshot(Data(x=x, edge_index=edge_index)))
    return found, (group.long() + signal) % 2


def test_h_learns_what_only_the_past_tells():
    def accuracy(make, rounds):
        model, head = build(make, 3, 8), torch.nn.Linear(8, 2)
        optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=0.02)
        right = []
        for seed in range(rounds):
            snapshots, label = told_by_the_past(seed)
            logits = head(model(snapshots)[0])
            right.append((logits.argmax(dim=1) == label).float().mean().item())
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, label).backward()
            optimizer.step()
        return sum(right[-30:]) / 30

    assert accuracy(EvolveGCNH, 110) > 0.7
    assert accuracy(SnapshotGCN, 50) < 0.6  # it has not seen the signal
    assert accuracy(EvolveGCNO, 50) < 0.6


def test_prepared_snapshots_and_data_are_the_same():
    model, snapshots = build(EvolveGCNH), random_snapshots(3)
    assert torch.equal(model(snapshots)[0], model([as_snapshot(s) for s in snapshots])[0])


# ------------------------------------------------------------------ sequence encoders as cells
GLA_OPTIONS = {"hidden_channels": 8, "num_layers": 1, "heads": 2}


@pytest.mark.parametrize("make", [EvolveGCNO, EvolveGCNH])
def test_a_sequence_encoder_by_name_keeps_all_promises(make):
    options = {"cell": "gla", "cell_options": GLA_OPTIONS, "activation": "identity"}
    check_snapshot_model(lambda c, h: make(c, h, **options))


@pytest.mark.parametrize("make", [EvolveGCNO, EvolveGCNH])
def test_an_encoder_reads_the_columns_of_the_weight(make):
    """The weights are what the encoder says of the sequence of its inputs, column by column."""
    model, snapshots = build(make, 4, 4, 1, cell=LSTM(4)), random_snapshots(3, channels=4)
    layer = model.layers[0]
    weight = layer.weight
    inputs = [] if layer.summary is None else [weight.T]  # -H: the first weight, then summaries
    state = layer.start()
    for s in snapshots:
        x = weight if layer.summary is None else layer.summary(s.x, as_snapshot(s).active)
        inputs.append((x if isinstance(x, torch.Tensor) else x.dense(4)).T)
        state = layer.evolve(state, s.x, as_snapshot(s).active)
        weight = state[0]
        want = layer.cell.encoder(torch.stack(inputs, 1))[:, -1].T
        torch.testing.assert_close(weight, want)
    torch.testing.assert_close(model(snapshots)[1][0][0], weight)


def test_cells_that_cannot_be():
    with pytest.raises(UnknownNameError, match="Did you mean 'gla'"):
        EvolveGCNO(5, 4, cell="glaa")
    with pytest.raises(GraphError, match="for sequence encoders by name"):
        EvolveGCNO(5, 4, cell="gru", cell_options={"heads": 2})
    with pytest.raises(GraphError, match="BiGRU is not causal"):
        EvolveGCNO(5, 4, cell="bigru")
    with pytest.raises(GraphError, match="another in_channels than the weight has rows"):
        EvolveGCNO(5, 4, cell=GRU(4))
