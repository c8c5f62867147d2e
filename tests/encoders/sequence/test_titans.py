"""Titans: memory against other rules that it contains, chunks, windows, gates."""

import pytest
import torch
from torch.nn import functional as F

from graphkit.encoders.sequence import TitansLMM, TitansMAC, TitansMAG, TitansMAL
from graphkit.errors import GraphError
from graphkit.nn.memory import (
    Gates,
    NeuralMemory,
    chunk_plan,
    decay_matrix,
    read_weights,
    token_gradients,
    write_chunk,
    write_token,
)

F64 = torch.float64


def tokens(length, size=3, heads=2, rows=2, seed=0):
    """Keys, values, queries, and gates."""
    make = torch.Generator().manual_seed(seed)
    kvq = torch.randn(3, rows, heads, length, size, generator=make, dtype=F64)
    return (*kvq, Gates(*torch.rand(3, rows, heads, length, generator=make, dtype=F64)))


def memory(*sizes, heads=2, rows=2, seed=1):
    make = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(rows, heads, o, i, generator=make, dtype=F64)
        for i, o in zip(sizes, sizes[1:])  # noqa: RUF007
    )


def none(weights):
    return tuple(torch.zeros_like(w) for w in weights)


def run(weights, momentum, k, v, q, gates, chunk):
    """By chunks: what is read, and the state at the end."""
    outputs, anchor = [], weights
    for first in range(0, k.shape[2], chunk):
        part = slice(first, first + chunk)
        plan = chunk_plan(Gates(*(g[..., part] for g in gates[:3])))
        given = (t[:, :, part] for t in (k, v, q))
        y, weights, momentum = write_chunk(weights, momentum, anchor, *given, plan)
        anchor = weights
        outputs.append(y)
    return torch.cat(outputs, 2), weights, momentum


def run_in_order(weights, momentum, k, v, q, gates, chunk):
    """Token after token, with gradients at the weights of the chunk's start."""
    outputs = []
    for t in range(k.shape[2]):
        at = slice(t, t + 1)
        anchor = weights if t % chunk == 0 else anchor  # noqa: F821
        given = (anchor, k[:, :, at], v[:, :, at], Gates(*(g[..., at] for g in gates[:3])))
        weights, momentum = write_token(weights, momentum, *given)
        outputs.append(read_weights(weights, q[:, :, at]))
    return torch.cat(outputs, 2), weights, momentum


def test_decay_matrix():
    gate = torch.tensor([0.5, 0.0, 0.3, 1.0], dtype=F64)
    got = decay_matrix(gate)
    for t in range(5):
        for i in range(5):
            want = gate[i:t].prod().item() if i <= t else 0.0
            assert got[t, i].item() == pytest.approx(want, abs=1e-30)


@pytest.mark.parametrize("sizes", [(3, 3), (3, 5, 3), (3, 4, 5, 3)])
def test_token_gradients_equal_autograd(sizes):
    weights, (k, v, _, _) = memory(*sizes, heads=1, rows=1), tokens(4, heads=1, rows=1)
    lefts, rights = token_gradients(weights, k, v)

    def loss(weights, k, v):
        for index, weight in enumerate(weights):
            k = weight @ (F.gelu(k) if index else k)
        return (k - v).square().sum()

    one = tuple(w[0, 0] for w in weights)
    want = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(one, k[0, 0], v[0, 0])
    for u, a, grad in zip(lefts, rights, want):
        got = torch.einsum("to,ti->toi", u[0, 0], a[0, 0])
        torch.testing.assert_close(got, grad, rtol=1e-12, atol=1e-12)


def test_gradient_norm_is_bounded():
    weights, (k, v, _, _) = memory(3, 5, 3), tokens(4)
    plain, rights = token_gradients(weights, 50 * k, v)
    bounded, _ = token_gradients(weights, 50 * k, v, max_norm=2.0)

    def norm(lefts):
        return sum(u.square().sum(-1) * a.square().sum(-1) for u, a in zip(lefts, rights)).sqrt()

    torch.testing.assert_close(norm(bounded), norm(plain) / (1 + norm(plain) / 2))


@pytest.mark.parametrize("sizes", [(3, 3), (3, 5, 3)])
@pytest.mark.parametrize("chunk", [1, 4, 8])
def test_chunks_equal_the_recurrence(sizes, chunk):
    weights, given = memory(*sizes), tokens(11)
    momentum = tuple(0.1 * w for w in memory(*sizes, seed=2))
    scaled = (*given[:3], given[3]._replace(theta=0.05 * given[3].theta))
    got = run(weights, momentum, *scaled, chunk)
    want = run_in_order(weights, momentum, *scaled, chunk)
    torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-11)


def test_the_chunk_is_a_part_of_the_model():
    given = tokens(16)
    ys = [run(memory(3, 3), none(memory(3, 3)), *given, chunk)[0] for chunk in (1, 8)]
    assert (ys[0] - ys[1]).abs().max() > 0.1


def test_a_linear_memory_is_the_delta_rule():
    k, v, q, gates = tokens(9)
    k = F.normalize(k, dim=-1)
    zero = torch.zeros_like(gates.theta)
    y, *_ = run(memory(3, 3), none(memory(3, 3)), k, v, q, Gates(gates.theta, zero, zero), 1)
    W = memory(3, 3)[0]
    for t in range(9):  # W + beta (v - W k) k^T
        error = v[:, :, t] - (W @ k[:, :, t, :, None]).squeeze(-1)
        beta = 2 * gates.theta[..., t, None, None]
        W = W + beta * error[..., None] * k[:, :, t, None, :]
        want = (W @ q[:, :, t, :, None]).squeeze(-1)
        torch.testing.assert_close(y[:, :, t], want, rtol=1e-12, atol=1e-12)


def test_one_chunk_from_nothing_is_gated_linear_attention():
    k, v, q, gates = tokens(9)
    zero = none(memory(3, 3))
    y, *_ = run(zero, zero, k, v, q, gates._replace(eta=torch.zeros_like(gates.eta)), 16)
    W = torch.zeros(2, 2, 3, 3, dtype=F64)
    for t in range(9):
        added = 2 * gates.theta[..., t, None, None] * v[:, :, t, :, None] * k[:, :, t, None]
        W = (1 - gates.alpha[..., t, None, None]) * W + added
        want = (W @ q[:, :, t, :, None]).squeeze(-1)
        torch.testing.assert_close(y[:, :, t], want, rtol=1e-12, atol=1e-12)


def test_forgetting_all_and_learning_nothing():
    weights, momentum, (k, v, q, gates) = memory(3, 3), memory(3, 3, seed=5), tokens(6)
    one, zero = torch.ones_like(gates.alpha), torch.zeros_like(gates.alpha)
    _, after, swung = run(weights, momentum, k, v, q, gates._replace(alpha=one), 4)
    torch.testing.assert_close(after, swung, rtol=1e-12, atol=1e-12)
    _, after, _ = run(weights, none(weights), k, v, q, Gates(zero, zero, gates.eta), 4)
    torch.testing.assert_close(after, weights, rtol=0, atol=0)


def test_invalid_tokens_leave_everything():
    weights, momentum, (k, v, q, gates) = memory(3, 5, 3), memory(3, 5, 3, seed=5), tokens(6)
    gates = gates._replace(theta=0.1 * gates.theta)
    valid = torch.tensor([False, True, True, False, True, False])
    plan = chunk_plan(gates._replace(valid=valid))
    got = write_chunk(weights, momentum, weights, k, v, q, plan)
    some = (t[:, :, valid] for t in (k, v, q))
    plan = chunk_plan(Gates(*(g[..., valid] for g in gates[:3])))
    want = write_chunk(weights, momentum, weights, *some, plan)
    torch.testing.assert_close(got[0][:, :, valid], want[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(got[1:], want[1:], rtol=1e-12, atol=1e-12)


def test_one_pass_over_orthonormal_keys_recalls_exactly():
    q, _ = torch.linalg.qr(torch.randn(16, 16, dtype=F64))
    keys, values = q[None, None], torch.randn(1, 1, 16, 16, dtype=F64)
    start = (torch.randn(1, 1, 16, 16, dtype=F64),)
    zero = torch.zeros(1, 1, 16, dtype=F64)
    gates = Gates(zero + 0.5, zero, zero)
    _, after, _ = run(start, none(start), keys, values, keys, gates, 1)
    torch.testing.assert_close(read_weights(after, keys), values, rtol=0, atol=1e-12)


def test_trained_gates_recall_correlated_keys_better_than_linear_attention():
    """Sixteen keys that share a direction; only the gates are trained, of either."""
    torch.manual_seed(0)
    zero = (torch.zeros(32, 1, 16, 16, dtype=F64),)

    def draw():
        keys = F.normalize(torch.randn(32, 1, 16, 16) / 4 + torch.randn(32, 1, 1, 16) / 6, dim=-1)
        return keys.to(F64), torch.randn(32, 1, 16, 16, dtype=F64)

    def memory_error(gate):
        k, v = draw()
        theta, alpha, eta = (torch.sigmoid(g).expand(32, 1, 16) for g in gate)
        _, after, _ = run(zero, none(zero), k, v, k, Gates(theta, alpha, eta), 1)
        return (read_weights(after, k) - v).square().mean()

    def attention_error(gate):
        k, v = draw()
        write, keep = gate[0].exp(), torch.sigmoid(gate[1])
        weight = write * keep ** torch.arange(15, -1, -1, dtype=F64)
        state = torch.einsum("bhti,bhtj,t->bhij", v, k, weight)
        return ((state @ k.mT).mT - v).square().mean()

    def trained(error, start):
        gate = torch.tensor(start, dtype=F64, requires_grad=True)
        optimizer = torch.optim.Adam([gate], 0.05)
        for _ in range(100):
            optimizer.zero_grad()
            error(gate).backward()
            optimizer.step()
        with torch.no_grad():
            return float(torch.stack([error(gate) for _ in range(20)]).mean())

    memory_mse = trained(memory_error, [0.0, -4.0, -2.0])
    assert memory_mse < 0.9 * trained(attention_error, [-1.0, 3.0])


@pytest.mark.parametrize("before", [False, True])
def test_read_before_or_after_the_write(before):
    torch.manual_seed(0)
    layer = NeuralMemory(4, chunk=3, read="before" if before else "after").double()
    x = torch.randn(1, 7, 4, dtype=F64)
    y, _ = layer(x, layer.start(1))
    state = layer.start(1)
    for t in range(7):
        got, state = layer.step(x[:, t], state)
        torch.testing.assert_close(got, y[:, t], rtol=0, atol=1e-12)
    if before:  # the first token reads what was learned in training, nothing of its own
        q = layer._tokens(x[:, :1], layer.start(1)[-1], None)[2]
        want = read_weights(tuple(w[None] for w in layer.first), q).flatten(1)
        torch.testing.assert_close(y[:, 0], want, rtol=0, atol=1e-12)


def made(cls, *args, **settings):
    torch.manual_seed(0)
    return cls(*args, **settings).double()


@pytest.mark.parametrize("cls", [TitansLMM, TitansMAC, TitansMAG, TitansMAL])
def test_every_parameter_learns(cls):
    settings = {} if cls is TitansLMM else {"heads": 2, "num_persistent": 2}
    encoder = made(cls, 4, 6, memory_heads=2, **settings)
    encoder(torch.randn(2, 40, 4, dtype=F64)).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()), name


@pytest.mark.parametrize("cls", [TitansMAG, TitansMAL])
def test_attention_sees_its_window(cls):
    encoder = made(cls, 4, window=3, heads=2, num_persistent=0)
    with torch.no_grad():
        encoder.memory.gates.weight.zero_()
        encoder.memory.gates.bias[:2] = -1e4
        encoder.memory.conv.zero_()
        encoder.memory.conv[-1] = 1
    x = torch.randn(1, 9, 4, dtype=F64)
    other = x.clone()
    other[:, 2] += torch.randn(4, dtype=F64)
    moved = (encoder(other) - encoder(x)).abs().sum(-1)[0]
    assert moved.nonzero().squeeze(1).tolist() == [2, 3, 4]


def test_mag_is_a_product_of_branches():
    encoder = made(TitansMAG, 4, window=3, heads=2, num_persistent=2)
    x = torch.randn(1, 6, 4, dtype=F64)
    state = encoder._start(1, x.device, x.dtype)
    near, *_ = encoder._attend(x, state, None, prefix=True)
    _, read = encoder.memory(encoder.persistent[None], encoder.memory.start(1))
    far, _ = encoder.memory(x, read)
    rms = [t * torch.rsqrt(t.square().mean(-1, keepdim=True) + 1e-6) for t in (near, far)]
    want = encoder.lin_out(rms[0] * torch.sigmoid(rms[1]))
    torch.testing.assert_close(encoder(x), want, rtol=0, atol=1e-12)


def test_errors():
    with pytest.raises(GraphError, match="heads"):
        TitansLMM(6, memory_heads=4)
    with pytest.raises(GraphError, match="'after' or 'before'"):
        TitansLMM(6, read="while")
    with pytest.raises(GraphError, match="window"):
        TitansMAG(4, window=0)
