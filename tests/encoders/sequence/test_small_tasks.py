"""What the papers' points come down to, learned in seconds: each encoder's own small task.

Those of Aaren (means of marked values) and GLA (values by keys) are beside their other tests.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphkit.encoders.sequence import (
    TCNCA,
    LeakyRNN,
    ParaGRU,
    RetNet,
    SequenceStack,
    SkeletonCNN,
    UniversalTransformer,
    URPETransformer,
)


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


@pytest.mark.nightly
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


@pytest.mark.slow
def test_leaky_rnn_keeps_several_parities_at_once():
    """Parity of the last 2, 3 and 4 bits of 20, a head for each."""
    torch.manual_seed(0)
    encoder, head = LeakyRNN(1, 64), nn.Linear(64, 6)

    def draw(rows):
        bits = torch.randint(2, (rows, 20))
        parity = torch.stack([bits[:, -n:].sum(1) % 2 for n in (2, 3, 4)], dim=1)
        return head(encoder(bits.unsqueeze(-1) * 2.0 - 1)[:, -1]).view(rows, 3, 2), parity

    def loss(done):
        y, parity = draw(128)
        return F.cross_entropy(y.flatten(0, 1), parity.flatten())

    train([encoder, head], loss, updates=700, lr=3e-3, clip=1.0)
    y, parity = draw(500)
    assert ((y.argmax(-1) == parity).float().mean(0) > 0.99).all()


@pytest.mark.nightly
@pytest.mark.slow
def test_retnet_needs_rotation_to_copy_from_eight_steps_ago():
    def accuracy(rotate):
        torch.manual_seed(0)
        embed, head = nn.Embedding(8, 64), nn.Linear(64, 8)
        encoder = RetNet(64, num_layers=1, heads=4, bias=True, rotate=rotate)

        def draw(rows):
            tokens = torch.randint(8, (rows, 32))
            return head(encoder(embed(tokens)))[:, 8:], tokens[:, :-8]

        def loss(done):
            y, tokens = draw(32)
            return F.cross_entropy(y.flatten(0, 1), tokens.flatten())

        train([embed, encoder, head], loss, updates=300, lr=5e-3)
        y, tokens = draw(200)
        return float((y.argmax(-1) == tokens).float().mean())

    rotated = accuracy(True)
    assert rotated > 0.5
    assert rotated > accuracy(False) + 0.2


@pytest.mark.nightly
@pytest.mark.slow
def test_tcnca_looks_a_digit_up_by_its_letter():
    """Fifteen pairs of a letter and a digit, then a letter: which digit?"""
    torch.manual_seed(0)
    embed, head = nn.Embedding(36, 64), nn.Linear(64, 10)
    layers = [TCNCA(64, chunk_size=32, simple=True) for _ in range(2)]
    encoder = SequenceStack(layers)

    def draw(rows):
        letters = torch.rand(rows, 26).argsort(1)[:, :15]
        digits = torch.randint(10, (rows, 15))
        asked = torch.randint(15, (rows, 1))
        pairs = torch.stack([letters, 26 + digits], dim=2).flatten(1)
        tokens = torch.cat([pairs, letters.gather(1, asked)], dim=1)
        return head(encoder(embed(tokens))[:, -1]), digits.gather(1, asked).squeeze(1)

    def loss(done):
        return F.cross_entropy(*draw(64))

    train([embed, encoder, head], loss, updates=600, lr=3e-3, clip=1.0)
    y, digit = draw(500)
    assert (y.argmax(-1) == digit).float().mean() > 0.9


@pytest.mark.nightly
@pytest.mark.slow
def test_skeleton_cnn_tells_actions_of_a_stick_figure():
    """Waving left, right, with both hands, and squatting, at any phase, 20 to 60 frames."""
    torch.manual_seed(0)
    encoder, head = SkeletonCNN(10, 64, widths=(16, 32, 64)), nn.Linear(64, 4)
    rest = torch.tensor([[0.0, 1.8], [-0.6, 1.0], [0.6, 1.0], [-0.2, 0.0], [0.2, 0.0]])

    def draw(rows):
        frames, action = torch.arange(64), torch.randint(4, (rows,))
        swing = torch.sin(
            frames * (0.2 + 0.3 * torch.rand(rows, 1)) + 6.3 * torch.rand(rows, 1)
        )  # [rows, 64]
        joints = rest.expand(rows, 64, 5, 2).clone()
        joints[..., 1, 1] += 0.5 * swing * ((action == 0) | (action == 2)).unsqueeze(1)
        joints[..., 2, 1] += 0.5 * swing * ((action == 1) | (action == 2)).unsqueeze(1)
        joints[..., :3, 1] += 0.3 * (swing * (action == 3).unsqueeze(1)).unsqueeze(-1)
        joints += 0.05 * torch.randn_like(joints)
        mask = frames < torch.randint(20, 61, (rows, 1))
        y = encoder(joints.flatten(2), mask=mask).masked_fill(~mask.unsqueeze(-1), 0)
        return head(y.sum(1) / mask.sum(1, keepdim=True)), action

    def loss(done):
        return F.cross_entropy(*draw(32))

    train([encoder, head], loss, updates=150, lr=2e-3)
    encoder.eval()
    y, action = draw(400)
    assert (y.argmax(-1) == action).float().mean() > 0.95
