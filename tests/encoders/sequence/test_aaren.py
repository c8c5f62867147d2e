"""Aaren against torch's attention with one query; its sets; its size; a small task."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from graphkit.encoders.sequence import Aaren, AarenAttention
from graphkit.encoders.sequence.aaren import AarenState
from graphkit.errors import GraphError
from graphkit.ops.softmax_scan import merge_softmax


def test_every_output_is_attention_of_the_query_over_the_prefix() -> None:
    layer, x = AarenAttention(8, heads=2).double(), torch.randn(2, 6, 8, dtype=torch.float64)
    y = layer(x)
    for t in range(6):
        k, v = (w(x[:, : t + 1]).unflatten(-1, (2, 4)).transpose(1, 2) for w in (layer.k, layer.v))
        q = layer.query.view(1, 2, 1, 4).expand(2, -1, -1, -1)
        o = scaled_dot_product_attention(q, k, v).flatten(1)
        torch.testing.assert_close(y[:, t], layer.out(o), rtol=0, atol=1e-12)


def test_a_prefix_is_a_set_unless_positions_are_coded() -> None:
    x = torch.randn(1, 6, 8)
    order = torch.tensor([3, 1, 0, 2, 4, 5])
    plain = Aaren(8, num_layers=1, position=False)
    torch.testing.assert_close(plain(x[:, order])[:, 4:], plain(x)[:, 4:])
    coded = Aaren(8, num_layers=1)
    assert not torch.allclose(coded(x[:, order])[:, 4:], coded(x)[:, 4:])


def test_histories_merge() -> None:
    """The states of two sets of events together are the state of their union."""
    layer, x = AarenAttention(8, heads=2).double(), torch.randn(1, 9, 8, dtype=torch.float64)
    parts = [layer(x[:, at], return_state=True)[1] for at in (slice(0, 4), slice(4, 9))]
    merged = AarenState(*merge_softmax(*parts))
    for a, b in zip(merged, layer(x, return_state=True)[1]):
        torch.testing.assert_close(a, b)


def test_size_does_not_depend_on_length() -> None:
    encoder = Aaren(16, num_layers=2)
    assert encoder.state_numel() == 1 + 2 * (4 * (4 + 2))
    for length in (1, 100):
        _, state = encoder(torch.randn(1, length, 16), return_state=True)
        assert state.numel() == encoder.state_numel()
    with pytest.raises(GraphError, match="heads"):
        AarenAttention(6)


def test_large_scores_stay_finite() -> None:
    layer, x = AarenAttention(8, heads=2), torch.randn(2, 50, 8)
    with torch.no_grad():
        layer.query.mul_(1e4)
    for form in sorted(layer.forms):
        assert bool(layer(x, form=form).isfinite().all())


@pytest.mark.slow
def test_mean_of_marked_values() -> None:
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    project, head = torch.nn.Linear(2, 16), torch.nn.Linear(16, 1)
    layer = AarenAttention(16)
    parameters = [*project.parameters(), *layer.parameters(), *head.parameters()]
    optimizer, errors = torch.optim.Adam(parameters, 1e-2), []
    for _ in range(400):
        value = torch.rand(64, 20, generator=draw)
        mark = (torch.rand(64, 20, generator=draw) < 0.4).float()
        mark[:, 0] = 1
        target = (value * mark).cumsum(1) / mark.cumsum(1)
        y = head(layer(project(torch.stack([value, mark], -1)))).squeeze(-1)
        loss = (y - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item() / target.var().item())
    assert sum(errors[-20:]) / 20 < 0.02
