"""Decoders in pieces: what they give at the start, in parts, and when frozen."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.attention import rotary_frequencies, rotate, token_mask
from graphkit.nn.decoder import Decoder, freeze, freeze_report, make_backbone

MEMORY = {"num_slots": 8, "top_k": 3, "key_channels": 4}


def tiny(**settings):
    torch.manual_seed(0)
    backbone = make_backbone("tiny", channels=8, num_layers=3, heads=2)
    return Decoder(backbone, **settings)


def test_plain_blocks():
    """Two rotary pre-norm blocks written out."""
    decoder = tiny(num_adapted=0).double()
    h, time = torch.randn(2, 5, 8).double(), torch.arange(5)
    mask = token_mask(1, 5)
    out, retrievals = decoder(h, time, mask=mask)
    assert retrievals == []
    angle = time[:, None] * rotary_frequencies(4).double()
    for layer in decoder.layers:
        u = layer.attention_norm(h)
        q, k, v = F.linear(u, layer.attention.qkv.weight, layer.attention.qkv.bias).chunk(3, -1)
        q, k, v = (p.view(2, 5, 2, 4).transpose(1, 2) for p in (q, k, v))
        q, k = (rotate(p, angle.cos(), angle.sin()) for p in (q, k))
        a = (q @ k.transpose(2, 3) / 2).masked_fill(~mask, -torch.inf).softmax(-1) @ v
        h = h + layer.attention.out(a.transpose(1, 2).reshape(2, 5, 8))
        h = h + layer.feed_forward.feed_forward(layer.feed_forward.norm(h))
    torch.testing.assert_close(out, decoder.norm(h))


def test_adapted_blocks_start_as_the_plain_decoder():
    plain = tiny(num_adapted=0)
    adapted = tiny(num_adapted=2, phase_channels=3, memory=MEMORY)
    adapted.load_state_dict(plain.state_dict(), strict=False)
    h, node = torch.randn(2, 6, 8), torch.tensor([0, 0, 1, 1, 2, 2])
    time, mask = torch.tensor([0, 1] * 3), token_mask(3, 2)
    out, retrievals = adapted(h, time, torch.randn(3, 3), node, mask)
    assert torch.equal(out, plain(h, time, mask=mask)[0])
    assert len(retrievals) == len(adapted.memories) == 2


def test_attention_to_look_at():
    decoder = tiny(num_adapted=2, phase_channels=3)
    for layer in decoder.layers[1:]:
        nn.init.normal_(layer.rotary.gate)
    h, basis = torch.randn(2, 4, 8), torch.randn(4, 3)
    nodes = torch.rand(4, 4) < 0.5
    nodes.fill_diagonal_(True)
    found = decoder.attention_weights(h, None, basis, None, nodes)
    assert [tuple(a.shape) for a in found] == [(2, 2, 4, 4)] * 2
    torch.testing.assert_close(found[0].sum(-1), torch.ones(2, 2, 4))
    assert bool((found[1][:, :, ~nodes] == 0).all())
    second = decoder.layers[1]
    after, _ = decoder.layers[0](h, None, basis, None, nodes)
    _, _, v = second.attention.project(second.attention_norm(after))
    heads = second.attention.merge(found[0] @ v)
    expected = second.feed_forward(after + heads)[0]
    torch.testing.assert_close(second(after, None, basis, None, nodes)[0], expected)


@pytest.mark.parametrize("how", ["none", "partial", "all"])
def test_freezing_and_its_report(how):
    model = nn.ModuleDict(
        {"decoder": tiny(num_adapted=1, phase_channels=3, memory=MEMORY), "head": nn.Linear(8, 2)}
    )
    decoder = model["decoder"]
    freeze(decoder, how, num_trained=1)
    report = freeze_report(model, decoder)
    total = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert report.num_trainable == trained
    assert report.num_trainable + report.num_frozen == total
    attention, ffn = 8 * 24 + 24 + 8 * 8 + 8, 8 * 32 + 32 + 32 * 8 + 8
    learns = {"none": 3, "partial": 1, "all": 0}[how]
    assert report.trainable["attention"] == learns * attention
    assert report.frozen["attention"] == (3 - learns) * attention
    assert report.frozen["feed_forward"] == (0 if how == "none" else 3 * ffn)
    for group in ("norms", "angles", "memory", "head"):
        assert report.frozen[group] == 0
        assert report.trainable[group] > 0
    assert f"{trained:,} learn" in str(report)

    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        h, _ = decoder(torch.randn(2, 4, 8), None, torch.randn(4, 3))
        model["head"](h).square().sum().backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert torch.equal(before[name], p) != p.requires_grad, name


def test_your_own_backbone():
    from graphkit.nn.decoder import Backbone

    own = make_backbone("tiny", channels=8, num_layers=1, heads=2)
    assert isinstance(own, Backbone)
    assert make_backbone(own) is own


def test_errors():
    with pytest.raises(GraphError, match="num_adapted"):
        tiny(num_adapted=4)
    with pytest.raises(UnknownNameError, match="tiny"):
        make_backbone("tinny")
    with pytest.raises(UnknownNameError, match="partial"):
        freeze(tiny(), "partly", 1)
    with pytest.raises(GraphError, match="paired"):
        make_backbone("tiny", channels=6, heads=2)
    with pytest.raises(GraphError, match="divide"):
        make_backbone("tiny", channels=8, heads=3)
