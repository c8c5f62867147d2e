"""Universal Transformer: tied layers, codes, halting by hand, what pondering costs."""

import math

import pytest
import torch

from graphkit.encoders.sequence import UniversalTransformer
from graphkit.encoders.sequence.universal_transformer import sinusoid
from graphkit.errors import UnknownNameError


def made(*args, spread=0.4, **settings):
    torch.manual_seed(0)
    encoder = UniversalTransformer(*args, **settings).double()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(std=spread)
    return encoder


def block(encoder, x):
    """The paper's block through torch's own attention, all positions visible."""
    own = encoder.attention
    lins = (own.lin_query, own.lin_key, own.lin_value)
    attended, _ = torch.nn.functional.multi_head_attention_forward(
        *[x.transpose(0, 1)] * 3,
        x.shape[-1],
        own.heads,
        torch.cat([lin.weight for lin in lins]),
        torch.cat([lin.bias for lin in lins]),
        None,
        None,
        False,
        0.0,
        own.lin_out.weight,
        own.lin_out.bias,
        need_weights=False,
    )
    u = encoder.norms[0](x + attended.transpose(0, 1))
    return encoder.norms[1](u + encoder.ffn(u))


def code(t, length, d):
    out = torch.zeros(length, d, dtype=torch.float64)
    for i in range(length):
        for j in range(0, d, 2):
            rate = 10000 ** (j / d)
            out[i, j] = math.sin(i / rate) + math.sin(t / rate)
            if j + 1 < d:
                out[i, j + 1] = math.cos(i / rate) + math.cos(t / rate)
    return out


@pytest.mark.parametrize("d", [4, 6])
def test_codes_follow_the_formula(d):
    for t in (1, 5):
        got = sinusoid(torch.arange(7), d, torch.float64) + sinusoid(
            torch.tensor([t]), d, torch.float64
        )
        torch.testing.assert_close(got, code(t, 7, d), rtol=0, atol=1e-12)


def test_without_halting_it_is_a_transformer_of_tied_layers():
    encoder = made(6, max_steps=4, heads=2, act=None)
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    h = x
    for t in range(1, 5):
        h = block(encoder, h + code(t, 5, 6))
    torch.testing.assert_close(encoder(x), h, rtol=0, atol=1e-12)


@pytest.mark.parametrize("act", ["accumulated", "basic"])
def test_halting_by_hand(act):
    encoder = made(4, max_steps=6, heads=2, act=act)
    with torch.no_grad():
        encoder.halt.weight.copy_(torch.tensor([[0.7, -0.7, 0.7, -0.7]]))
        encoder.halt.bias.fill_(-0.3)
    x = torch.randn(1, 5, 4, dtype=torch.float64)
    s, used, n, rest = x.clone(), [0.0] * 5, [0] * 5, [0.0] * 5
    out, done = torch.zeros_like(x), [False] * 5
    for t in range(1, 7):
        given = s + code(t, 5, 4)
        p = torch.sigmoid(encoder.halt(given))[0, :, 0].tolist()
        new = block(encoder, given)
        for i in range(5):
            if done[i]:
                weight = 0.0
            else:
                s[0, i] = new[0, i]
                n[i] += 1
                last = used[i] + p[i] > 0.99 or (t == 6 and act == "accumulated")
                weight = 1 - used[i] if last else p[i]
                rest[i], done[i] = (weight, True) if last else (rest[i], False)
                used[i] += weight
            if act == "accumulated":
                out[0, i] += weight * s[0, i]
            else:
                out[0, i] = weight * s[0, i] + (1 - weight) * out[0, i]
    assert len(set(n)) > 1  # not all take equally long
    y, ponder = encoder.with_ponder(x)
    torch.testing.assert_close(y, out, rtol=0, atol=1e-12)
    assert ponder.updates[0].tolist() == n
    assert ponder.remainder[0].tolist() == pytest.approx(rest, abs=1e-12)
    assert ponder.cost.item() == pytest.approx((sum(n) + sum(rest)) / 5)


def test_weights_sum_to_one():
    encoder = made(4, max_steps=5, heads=2)
    _, ponder = encoder.with_ponder(torch.randn(3, 6, 4, dtype=torch.float64))
    assert bool((ponder.weights >= 0).all())
    assert bool((ponder.updates <= 5).all())
    torch.testing.assert_close(ponder.weights.sum(0), torch.ones_like(ponder.updates))
    assert bool(((ponder.remainder >= 0) & (ponder.remainder <= 1)).all())


def test_sure_to_halt_and_never():
    encoder = made(4, max_steps=5, heads=2)
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    with torch.no_grad():
        encoder.halt.weight.zero_()
        encoder.halt.bias.fill_(50.0)
    y, ponder = encoder.with_ponder(x)
    assert bool((ponder.updates == 1).all())
    torch.testing.assert_close(y, block(encoder, x + code(1, 6, 4)), rtol=0, atol=1e-12)
    with torch.no_grad():
        encoder.halt.bias.fill_(-50.0)
    y, ponder = encoder.with_ponder(x)
    assert bool((ponder.updates == 5).all())
    encoder.halt = None
    torch.testing.assert_close(y, encoder(x), rtol=0, atol=1e-12)  # all weight on the last step


def test_more_steps_do_not_change_what_has_halted():
    few, many = made(4, max_steps=7, heads=2), made(4, max_steps=20, heads=2)
    with torch.no_grad():
        for encoder in (few, many):
            encoder.halt.bias.fill_(0.5)
            encoder.halt.weight.mul_(0.3)
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    y, ponder = few.with_ponder(x)
    assert ponder.updates.max() < 7
    torch.testing.assert_close(many(x), y, rtol=0, atol=1e-13)


def test_ponder_cost_teaches_the_halting_unit():
    encoder = made(4, max_steps=4, heads=2)
    _, ponder = encoder.with_ponder(torch.randn(2, 5, 4, dtype=torch.float64))
    assert not ponder.updates.requires_grad
    grads = torch.autograd.grad(ponder.cost, [encoder.halt.weight, encoder.halt.bias])
    assert all(bool(g.abs().sum() > 0) for g in grads)


def test_padding_does_not_ponder():
    encoder = made(4, max_steps=5, heads=2)
    x = torch.randn(2, 8, 4, dtype=torch.float64)
    mask = torch.tensor([[1, 0, 1, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0, 0, 0]], dtype=torch.bool)
    y, ponder = encoder.with_ponder(x.masked_fill(~mask[..., None], math.nan), mask)
    costs = []
    for row in range(2):
        alone, own = encoder.with_ponder(x[row : row + 1, mask[row]])
        torch.testing.assert_close(y[row, mask[row]], alone[0], rtol=0, atol=1e-12)
        assert ponder.updates[row, mask[row]].tolist() == own.updates[0].tolist()
        costs.append(own.cost.item() * int(mask[row].sum()))
    assert not ponder.updates[~mask].any()
    assert not ponder.weights[:, ~mask].any()
    assert ponder.cost.item() == pytest.approx(sum(costs) / int(mask.sum()))


def test_one_rows_pondering_leaves_others_alone():
    encoder = made(4, max_steps=9, heads=2)
    quick, slow = torch.randn(2, 1, 5, 4, dtype=torch.float64).unbind()
    both = encoder(torch.cat([quick, 50 * slow]))
    torch.testing.assert_close(both[:1], encoder(quick), rtol=0, atol=1e-12)


def test_without_codes_positions_commute():
    encoder = made(4, max_steps=3, heads=2, act=None, learned_steps=True)
    x, order = torch.randn(1, 6, 4, dtype=torch.float64), torch.tensor([3, 1, 5, 0, 2, 4])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            encoder._encode.__globals__,
            "sinusoid",
            lambda position, channels, dtype: torch.zeros(1, 1, channels, dtype=dtype),
        )
        torch.testing.assert_close(encoder(x[:, order]), encoder(x)[:, order], rtol=0, atol=1e-12)
    assert not torch.allclose(encoder(x[:, order]), encoder(x)[:, order])


def test_random_starts_are_for_training():
    encoder = made(4, max_steps=2, heads=2, random_start=50)
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


def test_unknown_act():
    with pytest.raises(UnknownNameError, match="Did you mean 'basic'"):
        UniversalTransformer(4, act="basics")
