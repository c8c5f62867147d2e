"""What the papers' points come down to, learned in seconds: counting, places, turning round."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphkit.encoders.sequence import ParaGRU, UniversalTransformer, URPETransformer


def train(modules, loss, updates, lr, clip=None):
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr)
    for update in range(updates):
        optimizer.zero_grad()
        loss(update / updates).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()


@pytest.mark.slow
def test_paragru_counts():
    """Running parity of up to 32 bits: no linear recurrence can do it."""
    torch.manual_seed(0)
    encoder, head = ParaGRU(1, 32), nn.Linear(32, 2)
    with torch.no_grad():
        encoder.weight_state.normal_()

    def draw(rows, length):
        bits = torch.randint(2, (rows, length))
        return head(encoder(2.0 * bits.unsqueeze(-1) - 1)), bits.cumsum(1) % 2

    def loss(done):
        y, parity = draw(64, 4 + int(28 * done))
        return F.cross_entropy(y.flatten(0, 1), parity.flatten())

    train([encoder, head], loss, updates=400, lr=1e-2, clip=1.0)
    y, parity = draw(200, 32)
    assert (y.argmax(-1) == parity).float().mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("factor", [False, True])
def test_urpe_tells_places_in_a_constant_sequence(factor):
    """A token repeated 16 times: relative biases alone cannot tell the places apart."""
    torch.manual_seed(0)
    embed, head = nn.Embedding(50, 32), nn.Linear(32, 16)
    encoder = URPETransformer(32, num_layers=2, heads=4, factor=factor, max_length=16)
    places = torch.arange(16)

    def answer(tokens):
        return head(encoder(embed(tokens[:, None].expand(-1, 16))))

    def loss(done):
        y = answer(torch.randint(50, (16,)))
        return F.cross_entropy(y.flatten(0, 1), places.repeat(16))

    train([embed, encoder, head], loss, updates=300 if factor else 40, lr=1e-2)
    right = (answer(torch.arange(50)).argmax(-1) == places).float().mean()
    assert right > 0.99 if factor else right < 0.07


@pytest.mark.slow
def test_universal_transformer_turns_a_string_round():
    torch.manual_seed(0)
    embed, head = nn.Embedding(8, 64), nn.Linear(64, 8)
    encoder = UniversalTransformer(64, max_steps=4, heads=4, act=None)

    def loss(done):
        tokens = torch.randint(8, (64, 8))
        y = head(encoder(embed(tokens)))
        return F.cross_entropy(y.flatten(0, 1), tokens.flip(1).flatten())

    train([embed, encoder, head], loss, updates=300, lr=1e-3)
    tokens = torch.randint(8, (200, 8))
    right = head(encoder(embed(tokens))).argmax(-1) == tokens.flip(1)
    assert right.all(1).float().mean() > 0.95
