"""Decoders of ``transformers``, small and drawn at random, against the package's own forward."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graphkit.errors import GraphError
from graphkit.nn.attention import token_mask
from graphkit.nn.decoder import Decoder, freeze, freeze_report, make_backbone

transformers = pytest.importorskip("transformers", reason="transformers (extra llm) is missing")
pytestmark = pytest.mark.extras

CONFIG = {
    "gpt2": {"n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 8, "vocab_size": 11},
    "llama": {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 24,
        "vocab_size": 11,
        "rope_theta": 500.0,
    },
}
MEMORY = {"num_slots": 8, "top_k": 3, "key_channels": 4}


def config(kind):
    make = {"gpt2": transformers.GPT2Config, "llama": transformers.LlamaConfig}[kind]
    return make(**CONFIG[kind])


@pytest.fixture(params=["gpt2", "llama"])
def kind(request):
    return request.param


@pytest.fixture
def folder(kind, tmp_path):
    """Weights on disk, and the model they came from."""
    model = transformers.AutoModel.from_config(config(kind)).eval()
    with torch.no_grad():  # norms and biases that are not 1 and 0
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    model.save_pretrained(tmp_path)
    return tmp_path, model


def test_one_sensor_over_time_is_the_language_model(kind, folder):
    """Adapted and with weights from a folder, at the start: what the package computes."""
    path, model = folder
    decoder = Decoder(
        make_backbone(kind, folder=path), num_adapted=2, phase_channels=3, memory=MEMORY
    ).eval()
    h = torch.randn(2, 5, 16)
    expected = model(inputs_embeds=h).last_hidden_state
    node = torch.zeros(5, dtype=torch.long)
    out, _ = decoder(h, torch.arange(5), torch.randn(1, 3), node, token_mask(1, 5))
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


def test_fewer_layers_and_positions_left_out(kind, folder):
    path, _ = folder
    backbone = make_backbone(kind, folder=path, num_layers=2)
    assert backbone.pretrained
    assert len(backbone.blocks) == 2
    decoder = Decoder(backbone, num_adapted=1, phase_channels=3, keep_positions=False).eval()
    assert decoder.positions is None
    h = torch.randn(1, 4, 16)
    order = torch.tensor([2, 0, 3, 1])
    basis = torch.randn(4, 3)
    nn.init.normal_(decoder.layers[-1].rotary.gate)
    out, _ = decoder(h, None, basis)
    moved, _ = decoder(h[:, order], None, basis[order])
    torch.testing.assert_close(moved, out[:, order], rtol=1e-4, atol=1e-5)
    with pytest.raises(GraphError, match="num_layers"):
        make_backbone(kind, folder=path, num_layers=4)


def test_partial_freezing(kind):
    decoder = Decoder(make_backbone(kind, config=CONFIG[kind]), num_adapted=1, phase_channels=3)
    freeze(decoder, "partial", 1)
    report = freeze_report(decoder, decoder)
    per_layer = sum(p.numel() for p in decoder.layers[0].attention.parameters())
    assert report.trainable["attention"] == per_layer
    assert report.frozen["attention"] == 2 * per_layer
    assert report.trainable["feed_forward"] == 0
    assert report.frozen["norms"] == 0
    if kind == "gpt2":
        assert report.trainable["positions"] == 8 * 16
    assert not any(
        "wte" in name or "embed_tokens" in name for name, _ in decoder.named_parameters()
    )


def test_low_rank_adapters(kind):
    pytest.importorskip("peft", reason="peft (extra llm) is missing")
    torch.manual_seed(0)
    plain = Decoder(make_backbone(kind, config=config(kind)), num_adapted=1)
    torch.manual_seed(0)
    lora = {"r": 2, "lora_alpha": 4}
    backbone = make_backbone(kind, config=config(kind), lora=lora, lora_layers=1)
    decoder = Decoder(backbone, num_adapted=1)
    h = torch.randn(2, 4, 16)
    torch.testing.assert_close(plain.eval()(h)[0], decoder.eval()(h)[0])  # adapters start at zero
    freeze(decoder, "partial", 1)
    report = freeze_report(decoder, decoder)
    wide = {"gpt2": [(16, 48)], "llama": [(16, 16), (16, 8), (16, 8)]}[kind]
    assert report.trainable["adapters"] == sum(2 * (a + b) for a, b in wide)
    assert report.trainable["attention"] == 0
    decoder.train()(h)[0].square().sum().backward()
    for name, p in decoder.named_parameters():
        assert (p.grad is not None) == p.requires_grad, name
    with torch.no_grad():
        for name, p in decoder.named_parameters():
            if "lora_B" in name:
                p.normal_()
    assert not torch.allclose(plain(h)[0], decoder.eval()(h)[0])


def test_a_forecaster_on_each(kind):
    from graphkit.models.signal import STLINK

    model = STLINK(
        3, 6, 4, basis=torch.randn(3, 2), backbone=kind, patch=3, num_adapted=1,
        backbone_options={"config": CONFIG[kind]}, memory_options=MEMORY,
    )  # fmt: skip
    out = model(torch.randn(2, 6, 3, 1))
    assert out.shape == (2, 4, 3, 1)
    out.sum().backward()
    found = model.explain(torch.randn(2, 6, 3, 1))
    assert found.attention.shape[:2] == (1, 2)


def test_errors(kind, folder, tmp_path):
    path, _ = folder
    other = {"gpt2": "llama", "llama": "gpt2"}[kind]
    with pytest.raises(GraphError, match="layout"):
        make_backbone(other, folder=path)
    with pytest.raises(GraphError, match="save_pretrained"):
        make_backbone(kind, folder=tmp_path / "nowhere")
