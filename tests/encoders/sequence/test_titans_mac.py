"""Titans with memory as context: segments, what joins them, one segment by its equations."""

import pytest
import torch

from graphkit.encoders.sequence import TitansMAC
from graphkit.errors import GraphError
from graphkit.nn.memory import read_weights

F64 = torch.float64


def made(*args, **settings):
    torch.manual_seed(0)
    return TitansMAC(*args, **settings).double()


def test_mac_segments_know_of_earlier_ones_through_memory_only():
    encoder = made(4, segment=4, heads=2)
    x = torch.randn(1, 12, 4, dtype=F64)
    other = x.clone()
    other[:, 1] += torch.randn(4, dtype=F64)
    want = encoder(x)
    assert (encoder(other)[:, 4:] - want[:, 4:]).abs().max() > 1e-8
    with torch.no_grad():  # a memory that never learns
        encoder.memory.gates.weight.zero_()
        encoder.memory.gates.bias[:1] = -1e4  # theta
        encoder.memory.gates.bias[1:2] = -1e4  # alpha
        encoder.memory.conv.zero_()
        encoder.memory.conv[-1] = 1
    want, got = encoder(x), encoder(other)
    changed = ((got - want).abs().sum(-1)[0] > 0).nonzero().squeeze(1).tolist()
    assert changed == [1, 2, 3]


def test_one_segment_by_its_equations():
    """y = Attn([P | h | x]) position by position, o = y * M(y), a linear map at the end."""
    encoder = made(4, segment=4, heads=1, num_persistent=2, memory_heads=1)
    x = torch.randn(1, 4, 4, dtype=F64)
    memory = encoder.init_state(1, x.device, F64).memory
    q = torch.nn.functional.silu(encoder.lin_query(x[0]))
    q = q / q.norm(dim=-1, keepdim=True)
    h = read_weights(tuple(memory[3]), q[None, None])[0, 0]
    rows, attention = [], encoder.attention
    for i in range(4):
        given = torch.cat([encoder.persistent, h[: i + 1], x[0, : i + 1]])
        offset = torch.arange(i, -1, -1)
        bias = torch.cat([torch.zeros(2), *(b[0, offset] for b in encoder.offset_bias)])
        keys, values = attention.keys_values(given[None])
        seen = torch.ones(1, 1, len(given), dtype=torch.bool)
        rows.append(attention(x[:, i : i + 1], keys, values, seen, bias.view(1, 1, 1, -1)))
    y = torch.cat(rows, 1)
    m, _ = encoder.memory(y, memory)
    torch.testing.assert_close(encoder(x), encoder.lin_out(y * m), rtol=0, atol=1e-12)


def test_refusal():
    with pytest.raises(GraphError, match="segment"):
        TitansMAC(4, segment=0)
