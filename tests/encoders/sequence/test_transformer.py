"""Attention against loops, the block against torch's, patches against patches made by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from graphkit.encoders.sequence import SelfAttention, Transformer
from graphkit.encoders.sequence.position_code import sinusoidal_code
from graphkit.errors import GraphError


@pytest.mark.parametrize("causal", [True, False])
def test_attention_by_loops(causal: bool) -> None:
    layer, x = SelfAttention(6, heads=2, causal=causal).double(), torch.randn(5, 6).double()
    mask = torch.tensor([True, False, True, True, True])
    for valid in (torch.ones_like(mask), mask):
        q, k, v = (layer.project.weight @ x.T + layer.project.bias.unsqueeze(1)).T.chunk(3, -1)
        for i in range(5):
            if not valid[i]:
                continue
            seen = [j for j in range(5) if valid[j] and (j <= i or not causal)]
            heads = []
            for h in range(2):
                part = slice(3 * h, 3 * h + 3)
                score = torch.stack([q[i, part] @ k[j, part] for j in seen]) / math.sqrt(3)
                heads.append(sum(w * v[j, part] for w, j in zip(score.softmax(0), seen)))
            want = layer.out(torch.cat(heads))
            torch.testing.assert_close(layer(x[None], valid[None])[0, i], want)


def test_block_is_that_of_torch() -> None:
    encoder, x = Transformer(8, num_layers=1, heads=2, causal=False), torch.randn(2, 5, 8)
    block = nn.TransformerEncoderLayer(
        8, 2, 32, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    attention, forward = encoder.layers[1], encoder.layers[2].module
    pairs = [
        (block.self_attn.in_proj_weight, attention.project.weight),
        (block.self_attn.in_proj_bias, attention.project.bias),
        (block.self_attn.out_proj.weight, attention.out.weight),
        (block.self_attn.out_proj.bias, attention.out.bias),
        (block.linear1.weight, forward.up.weight),
        (block.linear1.bias, forward.up.bias),
        (block.linear2.weight, forward.down.weight),
        (block.linear2.bias, forward.down.bias),
    ]
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(ours)
    coded = x + sinusoidal_code(torch.arange(5), 8, x.dtype)
    want = encoder.last_norm(block(coded))
    torch.testing.assert_close(encoder(x), want, rtol=1e-4, atol=1e-5)
    mask = torch.tensor([[True, True, True, False, False]] * 2)
    want = encoder.last_norm(block(coded, src_key_padding_mask=~mask))
    torch.testing.assert_close(encoder(x, mask)[mask], want[mask], rtol=1e-4, atol=1e-5)


def test_patches_end_with_the_latest_position() -> None:
    encoder = Transformer(4, 3, hidden_channels=8, num_layers=1, patch_size=3)
    x, mask = torch.randn(1, 8, 4), torch.tensor([[1, 0, 1, 1, 0, 1, 1, 1]]).bool()
    y = encoder(x, mask)[mask]
    rows = torch.cat([torch.zeros(3, 4), x[mask]]).view(1, 3, 12)  # 6 valid: 2 patches of 9 slots
    tokens = Transformer(12, 3, hidden_channels=8, num_layers=1, causal=False)
    tokens.load_state_dict(encoder.state_dict())
    want = tokens(rows, torch.tensor([[False, True, True]]))[0, 1:].repeat_interleave(3, 0)
    torch.testing.assert_close(y, want)


def test_what_cannot_be() -> None:
    with pytest.raises(GraphError, match="positions of a patch see one another"):
        Transformer(8, patch_size=2, causal=True)
    with pytest.raises(GraphError, match="a divisor of 6"):
        SelfAttention(6, heads=4)
