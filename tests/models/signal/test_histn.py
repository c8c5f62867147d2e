"""HiSTN against a slow reading of its equations, and its acceptance list."""

import io

import pytest
import torch
import torch.nn.functional as F

from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.signal.histn import HiSTN
from graphkit.nn.regions import RegionHierarchy
from graphkit.nn.stacking import Stack


def count(model):
    return sum(p.numel() for p in model.parameters())


def randomised(**settings) -> HiSTN:
    """A model in evaluation mode whose running statistics and biases are no longer those of a
    fresh one, and whose long weights have to be shortened."""
    torch.manual_seed(1)
    model = HiSTN(**settings).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if "running_var" in name:
                value.uniform_(0.5, 2)
            elif "running" in name or "bias" in name:
                value.normal_(0, 0.3)
            elif name in ("mixing", "taps", "pointwise.weight"):
                value.mul_(2)
    return model


def slow(
    model: HiSTN, h: RegionHierarchy, x: torch.Tensor, followed: dict | None = None
) -> torch.Tensor:
    """Logits with loops over filters, electrodes, regions and samples; in double precision.

    ``followed`` gets the statistics of the batch that each norm follows.
    """
    p = {k: v.double() for k, v in model.state_dict().items()}
    x = x.double().squeeze(-1)
    batch, _, n = x.shape
    k = p["filters"].shape[1]

    def short(v):
        return v / max(1.0, float(v.norm()))

    def norm(y, name):  # [B, T, n]
        w, b, m, v = (p[f"{name}.{i}"] for i in ("weight", "bias", "running_mean", "running_var"))
        if model.training:
            m = y.mean((0, 1))
            v = (y - m).square().mean((0, 1))
            if followed is not None:
                followed[name] = m, v
        return (y - m) / (v + 1e-3).sqrt() * w + b

    def conv(signal, taps):
        return F.conv1d(signal.view(batch, 1, -1), taps.view(1, 1, -1)).view(batch, -1)

    def cheb(a, w):
        lap = torch.diag(a.sum(1)) - a
        scaled = 2 * lap / torch.linalg.eigvalsh(lap).max() - torch.eye(len(a))
        t = [torch.eye(len(a)).double(), scaled]
        while len(t) < len(w):
            t.append(2 * scaled @ t[-1] - t[-2])
        return sum(w_i * t_i for w_i, t_i in zip(w, t))

    def fuse(y, name, partition):
        out, first = [], 0
        for part in partition:
            part, m = list(part), len(part)
            w = p[f"{name}.attention.weight"][first : first + m * m].view(m, m)
            first += m * m
            s = torch.softmax(y[..., part].mean(1) @ w + p[f"{name}.bias"][part], dim=1)
            out.append(torch.einsum("btn,bn->bt", y[..., part], s))
        return torch.stack(out, -1)

    electrodes = []
    for c in range(n):
        maps = [conv(F.pad(x[..., c], ((k - 1) // 2, k // 2)), w) for w in p["filters"]]
        electrodes.append(sum(m * z for m, z in zip(short(p["mixing"][c]), maps)))
    y = F.elu(norm(torch.stack(electrodes, -1), "norm1"))
    y = torch.stack([conv(y[..., c], short(p["taps"][c])) for c in range(n)], -1)
    y = F.elu(norm(y, "norm2"))
    y = torch.stack([y[:, 2 * t : 2 * t + 2].mean(1) for t in range(y.shape[1] // 2)], 1)

    z, first, row = torch.zeros_like(y), 0, 0
    for part, a, hops in zip(h.partition, h.region_adj, h.hops):
        part, m = list(part), len(part)
        passed = y[..., part] @ cheb(a.double(), p["node_filter.weight"][row : row + hops + 1])
        row += hops + 1
        deep = [conv(F.pad(passed[..., i], (2, 2)), p["node_taps"][c]) for i, c in enumerate(part)]
        w = p["pointwise.weight"][first : first + m * m].view(m, m)
        first += m * m
        w = torch.stack([short(w[:, j]) for j in range(m)], 1)
        z[..., part] = torch.stack(deep, -1) @ w
    z = F.elu(norm(z, "norm3"))
    q, q2 = fuse(y, "fuse_x", h.partition), fuse(z, "fuse_z", h.partition)
    whole = [range(h.num_regions)]
    g = fuse(q, "collapse_x", whole) + fuse(q2, "collapse_z", whole)
    r = q @ cheb(h.super_adj.double(), p["region_filter.weight"]) + q2
    features = torch.cat([y + z, r, g], -1).mean(1)
    return features @ p["weight"].T + p["bias"]


@pytest.mark.parametrize("kernel_size", [64, 5, 8])
@pytest.mark.parametrize("partition", ["quadrants", "five", "three"])
def test_equals_the_slow_reading(partition, kernel_size):
    h = RegionHierarchy.dreamer(partition)
    model = randomised(hierarchy=h, kernel_size=kernel_size)
    x = torch.randn(3, 40, 14, 1)
    expected = slow(model, h, x)
    torch.testing.assert_close(model(x).double(), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_in_double_precision(training):
    """To 1e-12, and running variances follow the biased variance of batches, as in Keras 3."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        model = randomised(kernel_size=8, dropout=0.0).train(training)
        with torch.no_grad():  # what the forward pass would write back
            for norm, name in ((model.mixing_norm, "mixing"), (model.taps_norm, "taps")):
                norm.project_(getattr(model, name))
        x, followed = torch.randn(3, 40, 14, 1), {}
        old = {k: v.clone() for k, v in model.state_dict().items()}
        expected = slow(model, model.hierarchy, x, followed)
        torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-12)
    finally:
        torch.set_default_dtype(before)
    assert set(followed) == ({"norm1", "norm2", "norm3"} if training else set())
    for name, batch in followed.items():
        for key, value in zip(("running_mean", "running_var"), batch):
            want = 0.99 * old[f"{name}.{key}"] + 0.01 * value
            got = model.state_dict()[f"{name}.{key}"]
            torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_regions_of_scattered_electrodes():
    """Electrodes in another order, with the regions that follow them: the same logits."""
    h = RegionHierarchy.dreamer()
    order = torch.randperm(14, generator=torch.Generator().manual_seed(2))
    place = order.argsort().tolist()
    moved = RegionHierarchy(
        [[place[i] for i in part] for part in h.partition], h.region_adj, h.super_adj
    )
    a, b = randomised(hierarchy=h), HiSTN(hierarchy=moved).eval()
    state = a.state_dict()
    per_node = ("mixing", "taps", "node_taps", "fuse_x.bias", "fuse_z.bias")
    for name, value in state.items():
        if name in per_node or name.startswith("norm"):
            state[name] = value[order]
    state["weight"] = torch.cat([state["weight"][:, :14][:, order], state["weight"][:, 14:]], 1)
    b.load_state_dict(state)
    x = torch.randn(2, 50, 14, 1)
    torch.testing.assert_close(b(x[:, :, order]), a(x))


def test_number_of_parameters():
    assert count(HiSTN()) == 1181
    assert count(HiSTN(kernel_size=5)) == 709
    assert count(HiSTN(2)) == 1121
    parts = {n: p.numel() for n, p in HiSTN().named_parameters()}
    assert parts["filters"] == 512
    assert parts["mixing"] == 112
    assert parts["node_filter.weight"] + parts["region_filter.weight"] == 15


@pytest.mark.parametrize("batch", [1, 7])
def test_shapes(batch):
    for model in (HiSTN(), HiSTN().eval()):
        x = torch.randn(batch, 128, 14, 1)
        y = model.head(x)
        assert y.shape == (14, batch, 62)
        core = model.core(y.movedim(0, -1))
        assert core.shape == (batch, 62, 19)
        assert model(x).shape == (batch, 5)


def test_features_are_means_of_the_core():
    model = randomised()
    y = model.head(torch.randn(4, 128, 14, 1))
    core = model.core(y.movedim(0, -1))
    torch.testing.assert_close(model.features(y), core.mean(1), atol=1e-6, rtol=1e-5)


def test_locality():
    """Silencing a region changes its own electrodes, and regions only through their graph."""
    h = RegionHierarchy.dreamer()
    chain = torch.tensor([[0.0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]])
    h = RegionHierarchy(h.partition, h.region_adj, chain, super_hops=1)
    model = randomised(hierarchy=h)
    x = torch.randn(2, 62, 14)
    silent = x.clone()
    silent[..., list(h.partition[0])] = 0
    a, b = model.core(x), model.core(silent)
    assert torch.equal(a[..., 4:14], b[..., 4:14])
    assert not torch.allclose(a[..., :4], b[..., :4])
    changed = [not torch.allclose(a[..., 14 + r], b[..., 14 + r]) for r in range(4)]
    assert changed == [True, True, False, False]  # one hop along the chain
    assert not torch.allclose(a[..., 18], b[..., 18])


def test_max_norm_after_every_step():
    torch.manual_seed(0)
    model = HiSTN(dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
    x, y = torch.randn(16, 40, 14, 1), torch.randint(5, (16,))
    longest = 0.0
    for _ in range(8):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        longest = max(longest, float(model.taps.detach().norm(dim=1).max()))
        with torch.no_grad():
            for vectors in (
                model.mixing_norm(model.mixing),
                model.taps_norm(model.taps),
                model.pointwise.matrix().T,
            ):
                assert float(vectors.norm(dim=1).max()) <= 1 + 1e-6
    assert longest > 1  # or the test would show nothing
    before = model.taps.detach().clone()
    model(x)
    assert torch.equal(model.taps, model.taps_norm.project_(before))  # written back by the forward


def test_entry_bounds_single_weights():
    model = HiSTN(max_norm="entry").eval()
    with torch.no_grad():
        model.mixing.fill_(3)
        model.taps.fill_(3)
    assert bool((model.mixing_norm(model.mixing) == 1).all())
    torch.testing.assert_close(model.taps_norm(model.taps).norm(dim=1), torch.ones(14))


def test_initialisation_is_keras():
    torch.manual_seed(0)
    model = HiSTN(hierarchy=None)
    for value, limit in (
        (model.filters, (6 / (64 + 512)) ** 0.5),
        (model.mixing, (6 / (112 + 8)) ** 0.5),
        (model.taps, (6 / (70 + 5)) ** 0.5),
        (model.node_taps[:4], (6 / 25) ** 0.5),
        (model.node_taps[4:7], (6 / 20) ** 0.5),
        (model.node_filter.weight, 1.0),
        (model.weight, (6 / 24) ** 0.5),
    ):
        assert 0.8 * limit < float(value.detach().abs().max()) <= limit
    assert model.norm1.eps == 1e-3
    assert model.norm1.momentum == pytest.approx(0.01)
    still = HiSTN(mp_init="identity")
    x = torch.randn(3, 14)
    torch.testing.assert_close(still.node_filter(x), x)


def test_state_dict_round_trip():
    model = randomised()
    x = torch.randn(2, 128, 14, 1)
    out = model(x)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = HiSTN().eval()
    other.load_state_dict(torch.load(file))
    assert torch.equal(other(x), out)


@pytest.mark.slow
def test_export():
    model = randomised()
    x = torch.randn(2, 128, 14, 1)
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x), model(x))


def test_cuda_agrees(cuda):
    model, x = randomised(), torch.randn(4, 128, 14, 1)
    expected = model(x)
    torch.testing.assert_close(model.to(cuda)(x.to(cuda)).cpu(), expected, atol=1e-4, rtol=1e-4)


def sinusoids(n, seed, noise=0.3):
    """Class k: an oscillation in the regions whose bit is set in k + 1, at a pitch of its own."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(5, (n,), generator=g)
    region = RegionHierarchy.dreamer().region_of
    t = torch.arange(128) / 128
    phase = 2 * torch.pi * torch.rand(n, 1, 14, generator=g)
    pitch = (6 + 5 * region).view(1, 1, 14)
    on = ((y + 1).view(-1, 1, 1) >> region.view(1, 1, 14)) & 1
    x = on * torch.sin(2 * torch.pi * pitch * t.view(1, -1, 1) + phase)
    return (x + noise * torch.randn(n, 128, 14, generator=g)).unsqueeze(-1), y


def test_learns_region_specific_oscillations():
    """Item 12: training accuracy above 95 % within 200 steps."""
    torch.manual_seed(0)
    x, y = sinusoids(96, 0)
    model = HiSTN(dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(200):
        optimizer.zero_grad()
        logits = model(x)
        F.cross_entropy(logits, y).backward()
        optimizer.step()
        if step % 10 == 9 and float((logits.argmax(1) == y).float().mean()) > 0.97:
            break
    assert float((model(x).argmax(1) == y).float().mean()) > 0.95


# ------------------------------------------------------------------------ many at once
def test_a_stack_trains_as_its_models_would_alone():
    models = []
    for seed in range(3):
        torch.manual_seed(seed)
        models.append(HiSTN(3, dropout=0.4))
    stack = Stack(models, [10, 11, 12]).train()
    x, y = torch.randn(3, 6, 40, 14, 1), torch.randint(3, (3, 6))
    optimizer = torch.optim.Adam(stack.parameters(), lr=0.05)
    for step in range(4):
        optimizer.zero_grad()
        logits = stack(x)
        sum(F.cross_entropy(a, b) for a, b in zip(logits, y)).backward()
        optimizer.step()
        if step == 1:  # one of them stops
            stopped = {k: v.clone() for k, v in stack.state_of(1).items()}
            state = optimizer.state_dict()["state"]
            stack.keep([0, 2])
            x, y = x[[0, 2]], y[[0, 2]]
            optimizer = torch.optim.Adam(stack.parameters(), lr=0.05)
            for i, p in enumerate(stack.parameters()):
                kept = {k: v[[0, 2]] if v.dim() else v for k, v in state[i].items()}
                optimizer.state[p] = kept
    x1 = {0: (x[0], y[0]), 2: (x[1], y[1])}
    for row, seed in ((0, 10), (2, 12)):
        alone = models[row].train()
        torch.manual_seed(seed)
        optimizer = torch.optim.Adam(alone.parameters(), lr=0.05)
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(alone(x1[row][0]), x1[row][1]).backward()
            optimizer.step()
        state = stack.state_of(0 if row == 0 else 1)
        assert state.keys() == alone.state_dict().keys()
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(state[name], value, atol=2e-4, rtol=1e-3)
    assert stopped.keys() == models[1].state_dict().keys()


def test_refuses():
    with pytest.raises(GraphError, match="windows for this model"):
        HiSTN()(torch.randn(2, 128, 13, 1))
    with pytest.raises(GraphError, match="windows for this model"):
        HiSTN()(torch.randn(2, 5, 14, 1))
    with pytest.raises(GraphError, match="kernel_size"):
        HiSTN(kernel_size=0)
    with pytest.raises(GraphError, match="dropout"):
        HiSTN(dropout=1.0)
    with pytest.raises(UnknownNameError):
        HiSTN(max_norm="rows")
    with pytest.raises(GraphError, match="not alike"):
        Stack([HiSTN(2), HiSTN(3)], [0, 1])
    with pytest.raises(GraphError, match="one seed"):
        Stack([HiSTN(2)], [0, 1])
