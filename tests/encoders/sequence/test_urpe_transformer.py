"""URPE attention: what it is without its factor, what the factor adds, on sequences and graphs."""

import math

import pytest
import torch
from torch.nn import functional as F

from graphkit.encoders.sequence import URPETransformer
from graphkit.errors import GraphError
from graphkit.nn.attention import (
    MultiHeadAttention,
    RelativeTables,
    hop_index,
    log_bucket_index,
    offset_index,
)


def made(*args, **settings):
    torch.manual_seed(0)
    encoder = URPETransformer(*args, **settings).double()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(std=0.5)
    return encoder


def random_attention(channels=6, heads=2, relations=9):
    torch.manual_seed(0)
    attention, tables = MultiHeadAttention(channels, heads), RelativeTables(relations, heads)
    with torch.no_grad():
        for parameter in (*attention.parameters(), *tables.parameters()):
            parameter.normal_()
    return attention.double(), tables.double()


def offsets(length):
    at = torch.arange(length)
    return at - at[:, None]


def by_loops(attention, tables, x):
    """The equations, pair by pair."""
    heads, d = attention.heads, x.shape[-1] // attention.heads
    q, k, v = (lin(x) for lin in (attention.lin_query, attention.lin_key, attention.lin_value))
    length, middle = len(x), tables.bias.shape[0] // 2
    out = torch.zeros_like(x)
    for head in range(heads):
        part = slice(head * d, (head + 1) * d)
        for i in range(length):
            scores = torch.stack(
                [
                    q[i, part] @ k[j, part] / math.sqrt(d) + tables.bias[j - i + middle, head]
                    for j in range(length)
                ]
            ).softmax(0)
            for j in range(length):
                out[i, part] += scores[j] * tables.factor[j - i + middle, head] * v[j, part]
    return attention.lin_out(out)


def test_equals_the_equations():
    attention, tables = random_attention()
    x = torch.randn(1, 5, 6, dtype=torch.float64)
    bias, factor = tables(offset_index(offsets(5), 5))
    got = attention(x, *attention.keys_values(x), bias=bias, factor=factor)
    torch.testing.assert_close(got[0], by_loops(attention, tables, x[0]), rtol=0, atol=1e-12)


def test_with_a_factor_of_one_it_is_ordinary_attention():
    attention, tables = random_attention()
    tables.reset_parameters()
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    bias, factor = tables(offset_index(offsets(5), 5))
    got = attention(x, *attention.keys_values(x), bias=bias, factor=factor)
    torch.testing.assert_close(
        got, attention(x, *attention.keys_values(x), bias=bias), rtol=0, atol=1e-12
    )
    q, k, v = (
        lin(x).unflatten(-1, (2, 3)).transpose(1, 2)
        for lin in (attention.lin_query, attention.lin_key, attention.lin_value)
    )
    plain = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)
    torch.testing.assert_close(got, attention.lin_out(plain), rtol=0, atol=1e-12)


def test_a_constant_sequence_stays_constant_without_the_factor_only():
    x = torch.randn(1, 1, 4, dtype=torch.float64).expand(1, 7, 4)
    relative, universal = made(4, factor=False), made(4)
    with torch.no_grad():
        for table in relative.tables:
            table.factor.fill_(1)
    y = relative(x)
    torch.testing.assert_close(y, y[:, :1].expand_as(y), rtol=0, atol=1e-12)
    assert (universal(x) - universal(x)[:, :1]).abs().amax((0, 2))[1:].min() > 1e-6


def test_gradient_of_the_factor_is_summed_over_diagonals():
    tables = RelativeTables(9, 2).double()
    _, factor = tables(offset_index(offsets(4), 5))
    pull = torch.randn_like(factor)
    (grad,) = torch.autograd.grad(factor, tables.factor, pull)
    for m in range(-4, 5):
        want = sum(pull[:, i, i + m] for i in range(4) if 0 <= i + m < 4)
        torch.testing.assert_close(grad[m + 4], want + torch.zeros(2, dtype=torch.float64))


def test_far_offsets_share_the_last_entry():
    index = offset_index(torch.tensor([-9, -3, -2, 0, 2, 3, 9]), 3)
    assert index.tolist() == [0, 0, 0, 2, 4, 4, 4]
    assert offset_index(torch.tensor([-9, -1, 0]), 3, causal=True).tolist() == [2, 1, 0]


def test_log_buckets():
    near = log_bucket_index(-torch.arange(200), 8, max_distance=64, causal=True)
    assert near[:4].tolist() == [0, 1, 2, 3]
    assert near[64:].unique().tolist() == [7]
    assert bool((near.diff() >= 0).all())
    assert near.unique().tolist() == list(range(8))
    both = log_bucket_index(torch.tensor([-3, 3, 0]), 16, max_distance=64)
    assert both.tolist() == [3, 11, 0]


def test_turning_a_sequence_round_turns_the_tables_round():
    encoder, turned = made(4, max_length=9), made(4, max_length=9)
    with torch.no_grad():
        turned.tables[0].bias.copy_(encoder.tables[0].bias.flip(0))
        turned.tables[0].factor.copy_(encoder.tables[0].factor.flip(0))
    x = torch.randn(2, 7, 4, dtype=torch.float64)
    torch.testing.assert_close(turned(x.flip(1)).flip(1), encoder(x), rtol=0, atol=1e-11)


def test_an_exponential_factor_is_a_recurrence_for_a_fixed_query():
    rho, length = 0.8, 12
    scores = torch.randn(length, dtype=torch.float64)
    values = torch.randn(length, 3, dtype=torch.float64)
    decay = rho ** torch.arange(length - 1, -1, -1, dtype=torch.float64)
    want = (scores.softmax(0) * decay) @ values
    numerator, denominator = torch.zeros(3, dtype=torch.float64), 0.0
    for score, value in zip(scores, values):
        numerator = rho * numerator + score.exp() * value
        denominator = denominator + score.exp()
    torch.testing.assert_close(numerator / denominator, want, rtol=0, atol=1e-12)


def test_on_a_graph_names_of_nodes_do_not_matter():
    attention, tables = random_attention(relations=5)
    distance = torch.tensor(
        [
            [0, 1, 2, 5, -1],
            [1, 0, 1, 4, -1],
            [2, 1, 0, 3, -1],
            [5, 4, 3, 0, -1],
            [-1, -1, -1, -1, 0],
        ]
    )
    index = hop_index(distance, 3)
    assert index[0].tolist() == [0, 1, 2, 3, 4]  # far pairs share one, unreachable ones another
    x, order = torch.randn(1, 5, 6, dtype=torch.float64), torch.tensor([3, 0, 4, 2, 1])

    def attend(x, index):
        bias, factor = tables(index)
        return attention(x, *attention.keys_values(x), bias=bias, factor=factor)

    torch.testing.assert_close(
        attend(x[:, order], index[order][:, order]), attend(x, index)[:, order], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("window", [1, 3])
def test_window_sees_the_last_positions(window):
    encoder = made(4, num_layers=1, causal=True, window=window)
    x = torch.randn(1, 8, 4, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(encoder(x)[0, 6].square().sum(), x)
    assert grad[0].abs().sum(1).nonzero().squeeze(1).tolist() == list(range(7 - window, 7))


def test_layers_may_have_tables_of_their_own():
    assert len(made(4, num_layers=3).tables) == 1
    assert len(made(4, num_layers=3, share_across_layers=False).tables) == 3


def test_errors():
    with pytest.raises(GraphError, match="heads"):
        URPETransformer(6, heads=4)
    with pytest.raises(GraphError, match="buckets"):
        URPETransformer(8, buckets=6)
