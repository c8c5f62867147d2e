"""ST-LINK: the acceptance items of its design that concern the whole model."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F

from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.signal import STLINK
from graphkit.nn.signal import TrainingSignal
from graphkit.nn.spectral import laplacian_basis
from graphkit.testing import SIGNAL_CASES, SignalCase, check_signal_model

BACKBONE = {"channels": 16, "num_layers": 2, "heads": 2, "expansion": 2}
MEMORY = {"num_slots": 8, "top_k": 3, "key_channels": 4}
SMALL = {"backbone_options": BACKBONE, "memory_options": MEMORY}
COVARIATES = ("time_of_day", "day_of_week")


def ring(n):
    return torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])


def make(n=5, history=12, horizon=12, **settings):
    torch.manual_seed(0)
    settings = {
        **SMALL,
        "layout": "node",
        "covariate_names": COVARIATES,
        "slots_per_day": 24,
    } | settings
    if settings.get("space", True) and "basis" not in settings:
        settings["basis"] = laplacian_basis(ring(n), n, num_vectors=4)[0]
    model = STLINK(n, history, horizon, 1, **settings).eval()
    for memory in model.decoder.memories:
        memory.set_patterns(torch.randn(memory.patterns.shape))
    return model


def awaken(model):
    """Gates open, memories read."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith(("rotary.gate", "feed_forward.out.weight")):
                p.normal_()
    return model


def inputs(n=5, batch=2, history=12):
    draw = torch.Generator().manual_seed(3)
    covariates = torch.stack(
        [torch.rand(batch, history + 12, generator=draw), torch.ones(batch, history + 12)], dim=2
    )
    return torch.randn(batch, history, n, 1, generator=draw), covariates


@pytest.mark.parametrize("n", [5, 50])
@pytest.mark.parametrize("layout", ["node", "node_time"])
def test_shapes(n, layout):
    model = make(n, layout=layout)
    assert model(*inputs(n)).shape == (2, 12, n, 1)
    assert model.layout == layout


def test_layout_follows_the_size():
    assert make(128, layout="auto").layout == "node_time"
    assert make(129, layout="auto").layout == "node"


@pytest.mark.parametrize("layout", ["node", "node_time"])
def test_at_the_start_it_is_the_plain_decoder(layout):
    full = make(layout=layout)
    plain = make(layout=layout, space=False, memory=False)
    plain.load_state_dict({k: v for k, v in full.state_dict().items() if k in plain.state_dict()})
    assert torch.equal(full(*inputs()), plain(*inputs()))
    assert not torch.allclose(awaken(full)(*inputs()), plain(*inputs()))


@pytest.mark.parametrize("layout", ["node", "node_time"])
@pytest.mark.parametrize("hops", [None, 1])
def test_numbering_of_nodes(layout, hops):
    from graphkit.nn.attention import hop_mask

    order = torch.tensor([3, 0, 4, 2, 1])
    place = order.argsort()
    mask = None if hops is None else hop_mask(ring(5), 5, hops)
    moved_mask = None if hops is None else hop_mask(place[ring(5)], 5, hops)
    model = awaken(make(layout=layout, learned_basis=2, nodes_mask=mask))
    moved = make(
        layout=layout, learned_basis=2, basis=model.basis.fixed[order], nodes_mask=moved_mask
    )
    state = copy.deepcopy(model.state_dict())
    state["basis.learned"] = state["basis.learned"][order]
    state["embedding.node.weight"] = state["embedding.node.weight"][order]
    state["basis.fixed"] = state["basis.fixed"][order]
    if hops is not None:
        state["tokens_mask"] = moved.tokens_mask
    moved.load_state_dict(state)
    x, covariates = inputs()
    expected = model(x, covariates)[:, :, order]
    torch.testing.assert_close(moved(x[:, :, order], covariates), expected, rtol=1e-4, atol=1e-5)


def test_signs_of_eigenvectors():
    model = awaken(make())
    x = inputs()
    before = model(*x)
    sign = torch.tensor([1.0, -1.0, -1.0, 1.0])
    with torch.no_grad():
        model.basis.fixed.mul_(sign)
        for layer in model.decoder.layers:
            layer.rotary.weight.mul_(sign)
    torch.testing.assert_close(model(*x), before)


def test_random_signs_keep_the_mean_loss():
    """Flips move single losses, but on average an untrained model loses as much as without."""
    model = awaken(make(flip_signs=True, memory=False))
    with torch.no_grad():
        for layer in model.decoder.layers:
            layer.rotary.gate.mul_(0.05)
    (x, covariates), y = inputs(batch=8), torch.randn(8, 12, 5, 1)
    still = float(F.l1_loss(model(x, covariates).detach(), y))
    model.train()
    flipped = torch.stack([F.l1_loss(model(x, covariates).detach(), y) for _ in range(40)])
    assert len(set(flipped.tolist())) > 5
    assert float(flipped.mean()) == pytest.approx(still, rel=0.02)


def test_influence_ends_with_the_hops():
    from graphkit.nn.attention import hop_mask

    path = torch.stack([torch.arange(7), torch.arange(1, 8)])
    model = awaken(make(8, nodes_mask=hop_mask(path, 8, 1), basis=torch.randn(8, 3)))
    x, covariates = inputs(8, batch=1)
    x.requires_grad_()
    out = model(x, covariates)
    for i in range(8):
        (grad,) = torch.autograd.grad(out[0, :, i].sum(), x, retain_graph=True)
        near = (torch.arange(8) - i).abs() <= 2  # two blocks, both adapted
        assert torch.equal(grad[0, :, :, 0].abs().sum(0) > 0, near)


def test_no_look_at_later_patches():
    """In the layout of sensors and patches a token knows only its own and earlier patches."""
    model = awaken(make(layout="node_time", norm="none", level=False))
    x, covariates = inputs(batch=1)
    tokens, _, windows = model._tokens(x, covariates, None)
    tokens = tokens.detach().requires_grad_()
    h, _ = model.decoder(tokens, *model._places(x.device), windows)
    step = torch.arange(20) % 4
    for i in range(20):
        (grad,) = torch.autograd.grad(h[0, i].square().sum(), tokens, retain_graph=True)
        assert torch.equal(grad[0].abs().sum(1) > 0, step <= step[i])


def test_windows_do_not_see_each_other():
    model = awaken(make())
    x, covariates = inputs(batch=3)
    before = model.explain(x, covariates)
    x = x.clone()
    x[1] = torch.randn(12, 5, 1)
    after = model.explain(x, covariates)
    for b in (0, 2):
        assert torch.equal(before.slots[:, b], after.slots[:, b])
        torch.testing.assert_close(before.forecast[b], after.forecast[b])
    assert not torch.equal(before.slots[:, 1], after.slots[:, 1])


def test_shift_and_scale_of_one_sensor():
    """What is taken out of a window comes back in its forecast, if tokens are not told."""
    model = awaken(make(level=False)).double()
    model.norm.eps = 0.0
    x, covariates = (v.double() for v in inputs())
    moved = x.clone()
    moved[:, :, 3] = 2.5 * x[:, :, 3] + 7
    expected = model(x, covariates)
    expected[:, :, 3] = 2.5 * expected[:, :, 3] + 7
    torch.testing.assert_close(model(moved, covariates), expected)


@pytest.mark.parametrize("norm", ["window", "last", "node", "none"])
def test_constant_windows_are_finite(norm):
    model = awaken(make(norm=norm)).train()
    out = model(torch.zeros(2, 12, 5, 1), inputs()[1])
    out.sum().backward()
    assert bool(out.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


def test_embedding_is_that_of_joined_parts():
    model = make().double()
    x, covariates = (v.double() for v in inputs())
    tokens, level, _ = model._tokens(x, covariates, None)
    e = model.embedding
    for b in range(2):
        slot = int(covariates[b, 11, 0] * 24)
        for n in range(5):
            value = torch.cat(
                [model.norm(x)[0][b, :, n, 0], level.shift[b, 0, n], level.scale[b, 0, n].log()]
            )
            timed = e.day.weight[slot] + e.week.weight[int(covariates[b, 11, 1])]
            joined = torch.cat([e.value(value), e.node.weight[n], timed])
            torch.testing.assert_close(tokens[b, n], e.fuse(joined))
    assert bool((e.week.weight == 0).all())


def test_every_slot_of_the_day_is_found():
    """Times of day as float32 land in their own slot, for any number of slots."""
    for slots in (24, 96, 108, 144, 288):
        day = torch.arange(slots, dtype=torch.float64) / slots
        model = make(space=False, memory=False, slots_per_day=slots)
        with torch.no_grad():
            model.embedding.day.weight.copy_(torch.arange(slots).float().unsqueeze(1))
        covariates = torch.stack([day.float(), torch.zeros(slots)], dim=1)
        found = model.embedding._time(covariates, torch.zeros(slots, 1))
        assert torch.equal(found[:, 0], torch.arange(slots).float()), slots


def test_patterns_come_from_the_training_part():
    case = SignalCase()
    model = STLINK.from_task(case, **SMALL)
    seen = case.training_signal()
    patterns = model.decoder.memories[0].patterns
    assert patterns.shape == (8, 24)
    assert torch.equal(patterns, model.decoder.memories[1].patterns)
    rows = []
    for start in seen.start.tolist():
        for n in range(6):
            w = seen.x[start : start + 24, n, 0]
            past = w[:12]
            rows.append((w - past.mean()) / (past.std(correction=0) + 0.1))
    from graphkit.ops.kmeans import spherical_kmeans

    expected = spherical_kmeans(torch.stack(rows), 8) * 24**0.5
    torch.testing.assert_close(patterns, expected, rtol=1e-4, atol=1e-4)
    past_only = STLINK.from_task(case, pattern_future=False, **SMALL)
    assert past_only.decoder.memories[0].patterns.shape == (8, 12)


def test_missing_readings_of_patterns_are_the_level():
    from graphkit.nn.signal import pattern_windows

    x = torch.randn(9, 2, 1)
    mask = torch.rand(x.shape) < 0.7
    seen = TrainingSignal(x.masked_fill(~mask, 0), mask, torch.zeros(9, 0), torch.arange(4))
    found = pattern_windows(seen, 4, 2)
    row = 0
    for start in range(4):
        for n in range(2):
            w, k = x[start : start + 6, n, 0], mask[start : start + 6, n, 0]
            past = w[:4][k[:4]]
            mean = past.mean() if len(past) else torch.tensor(0.0)
            spread = past.std(correction=0) if len(past) else torch.tensor(0.0)
            expected = torch.where(k, (w - mean) / (spread + 0.1), 0.0)
            torch.testing.assert_close(found[row], expected)
            row += 1
    assert pattern_windows(seen, 4, 2, limit=3).shape == (3, 6)


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "node"},
        {"layout": "node_time", "patch": 5, "split": True},
        {"phase": "learned", "norm": "node"},
        {"phase": "correlation", "norm": "last", "level": False, "hops": 1},
        {"space": False, "memory": False, "norm": "none", "residual": True},
        {"node_table": False, "week": "none", "residual": "linear"},
        {"pattern_future": False, "flip_signs": True, "embedding_dropout": 0.1},
        {"memory_options": {**MEMORY, "ema_rate": 0.1, "pattern_channels": 0}},
    ],
    ids=str,
)
def test_options_keep_every_promise(options):
    def factory(case):
        return STLINK.from_task(case, **{**SMALL, **options})

    check_signal_model(factory, SIGNAL_CASES["forecast"]["missing"])


def test_explanation():
    model = awaken(make(layout="node_time")).train()
    x, covariates = inputs()
    found = model.explain(x, covariates)
    assert model.training
    assert found.attention.shape == (2, 2, 2, 20, 20)
    assert found.slots.shape == found.weights.shape == (2, 2, 20, 3)
    assert found.patterns.shape == (8, 24)
    assert found.node.tolist() == [n for n in range(5) for _ in range(4)]
    assert found.step.tolist() == [0, 1, 2, 3] * 5
    torch.testing.assert_close(found.attention.sum(-1), torch.ones(2, 2, 2, 20))
    assert torch.equal(found.forecast, model.eval()(x, covariates))
    bare = make(space=False, memory=False).explain(x, covariates)
    assert bare.slots is bare.weights is bare.patterns is None


def test_auxiliary_loss():
    model = make()
    x, covariates = inputs()
    model(x, covariates)
    assert float(model.auxiliary_loss()) == 0  # evaluation
    model.train()(x, covariates)
    copy.deepcopy(model)  # although a loss is waiting
    loss = model.auxiliary_loss()
    assert float(model.auxiliary_loss()) == 0  # once
    model.eval()
    tokens, _, windows = model._tokens(x, covariates, None)
    _, retrievals = model.decoder(tokens, *model._places(x.device), windows)
    expected = sum(
        0.01 * m.balance_loss(r) + 0.01 * m.separation_loss(r)
        for m, r in zip(model.decoder.memories, retrievals)
    )
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert model.decoder.memories[0].query.weight.grad is not None
    off = make(balance_weight=0.0, separation_weight=0.0).train()
    off(x, covariates)
    assert float(off.auxiliary_loss()) == 0


def test_a_straight_line_past_the_decoder():
    """A linear map of each sensor's window comes on top; it begins as the last reading."""
    x, covariates = inputs()
    plain, last, linear = (make(residual=r) for r in (False, True, "linear"))
    for model in (last, linear):
        model.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(linear(x, covariates), last(x, covariates))
    linear.straight.weight.data.normal_()
    more = torch.einsum("hw,bwnc->bhnc", linear.straight.weight, x)
    torch.testing.assert_close(linear(x, covariates), plain(x, covariates) + more)
    linear.reset_parameters()
    assert linear.straight.weight[:, -1].tolist() == [1.0] * 12
    assert float(linear.straight.weight.abs().sum()) == 12
    with pytest.raises(GraphError, match="residual"):
        make(residual="square")


@pytest.mark.parametrize("layout", ["node", "node_time"])
def test_tokens_ask_by_their_own_window(layout):
    """The window's end asks by its readings in units of its own level and spread."""
    model = make(layout=layout, norm="none", level=False).double()
    x, covariates = (v.double() for v in inputs())
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(5)) < 0.8
    _, _, windows = model._tokens(x * mask, covariates, mask)
    assert windows.shape == (2, 5 * model.patches, 12)
    for b in range(2):
        for n in range(5):
            known = mask[b, :, n, 0]
            values = x[b, :, n, 0][known]
            expected = torch.zeros(12).double()
            expected[known] = (values - values.mean()) / (values.std(correction=0) + 0.1)
            own = windows[b].unflatten(0, (5, -1))[n]
            torch.testing.assert_close(own[-1], expected)
            assert not own[:-1].any()
    assert make(memory=False)._tokens(x.float(), covariates.float(), None)[2] is None


def test_freezing_report():
    model = make(freezing="partial", num_adapted=1)
    report = model.freezing_report()
    assert report.num_trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)
    groups = "norm embedding angles attention feed_forward norms memory head"
    assert set(report.trainable) == set(groups.split())
    assert report.frozen["attention"] > 0
    assert make().freezing_report().num_frozen == 0  # random weights all learn


@pytest.mark.timeout(60)
def test_fifty_steps():
    """The tiny backbone at its defaults takes fifty steps within a minute."""
    model = STLINK(9, basis=torch.randn(9, 4), memory_options={"pattern_channels": 0}).train()
    assert len(model.decoder.layers) == 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, y = torch.randn(2, 12, 9, 1), torch.randn(2, 12, 9, 1)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = F.l1_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_devices_agree(cuda):
    model = awaken(make())
    x, covariates = inputs()
    expected = model(x, covariates)
    found = model.to(cuda)(x.to(cuda), covariates.to(cuda))
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-3)


def test_errors():
    with pytest.raises(UnknownNameError, match="node_time"):
        make(layout="time_node")
    with pytest.raises(UnknownNameError, match="phase"):
        STLINK.from_task(SignalCase(), phase="laplace")
    with pytest.raises(GraphError, match="nothing to turn by"):
        make(basis=None)
    with pytest.raises(GraphError, match="windows do not fit"):
        make()(torch.zeros(2, 11, 5, 1))
    nothing = TrainingSignal(torch.zeros(9, 2, 1), None, torch.zeros(9, 0), torch.arange(0))
    with pytest.raises(GraphError, match="no training window"):
        make(2).look_at(nothing)
