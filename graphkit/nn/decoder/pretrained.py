r"""Decoders of the package ``transformers``: GPT-2, and those with LLaMA's layout.

Nothing is ever downloaded here: weights come from a local folder, or are drawn at random from a
configuration. Token tables and language heads are left behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from graphkit.errors import GraphError, require
from graphkit.nn.decoder.backbone import Backbone, Block, no_rotation

__all__ = ["transformers_backbone"]


class _GPT2Heads(nn.Module):
    """GPT-2's attention module as projections."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention
        self.heads, self.head_channels = attention.num_heads, attention.head_dim
        self.scale, self.dropout = attention.scaling, attention.attn_dropout.p

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        qkv = self.attention.c_attn(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return qkv[0], qkv[1], qkv[2]

    def merge(self, heads: Tensor) -> Tensor:
        out = self.attention.c_proj(heads.transpose(1, 2).flatten(2))
        return self.attention.resid_dropout(out)


class _LlamaHeads(nn.Module):
    """The attention module of LLaMA and its like as projections."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention
        self.head_channels = attention.head_dim
        self.heads = attention.q_proj.out_features // self.head_channels
        self.scale, self.dropout = attention.scaling, attention.attention_dropout

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        names = ("q_proj", "k_proj", "v_proj")
        q, k, v = (
            getattr(self.attention, name)(x).unflatten(-1, (-1, self.head_channels)).transpose(1, 2)
            for name in names
        )
        return q, k, v

    def merge(self, heads: Tensor) -> Tensor:
        return self.attention.o_proj(heads.transpose(1, 2).flatten(2))


def transformers_backbone(
    kind: str,
    *,
    folder: str | Path | None = None,
    config: Any = None,
    num_layers: int | None = None,
    lora: dict[str, Any] | None = None,
    lora_layers: int | None = None,
) -> Backbone:
    """The first blocks of a decoder, with the weights of a folder or random ones.

    Args:
        kind: ``"gpt2"`` or ``"llama"``.
        folder: A folder written by ``save_pretrained``. Nothing is downloaded.
        config: Without ``folder``: a configuration of ``transformers`` or its settings as a
            dictionary, for random weights.
        num_layers: Keep only the first blocks.
        lora: Settings of ``peft.LoraConfig`` beside its modules, such as ``{"r": 16,
            "lora_alpha": 32}``: low-rank adapters on the attention projections. Their weights
            alone learn there.
        lora_layers: How many of the last blocks get adapters; all if ``None``.

    Raises:
        GraphError: The folder does not exist or holds another kind of model; a rotary embedding or
            an attention module is of a kind that cannot be taken apart.
        MissingPackageError: ``transformers`` or ``peft`` is not installed (extra ``llm``).
    """
    model = _load(kind, folder, config)
    blocks = model.h if kind == "gpt2" else model.layers
    if num_layers is not None:
        if not 1 <= num_layers <= len(blocks):
            raise GraphError(
                "num_layers",
                "the decoder has fewer",
                expected=f"1 to {len(blocks)}",
                got=num_layers,
            )
        blocks = blocks[:num_layers]
    if lora is not None:
        _adapt(kind, blocks, lora, len(blocks) if lora_layers is None else lora_layers)
    pretrained = folder is not None
    if kind == "gpt2":
        pieces = [Block(b.ln_1, _GPT2Heads(b.attn), b.ln_2, b.mlp) for b in blocks]
        frequencies = no_rotation(blocks[0].attn.head_dim)
        return Backbone(
            pieces,
            model.ln_f,
            model.config.hidden_size,
            frequencies,
            model.wpe,
            pretrained,
            folder=str(folder) if pretrained else None,
        )
    pieces = [
        Block(b.input_layernorm, _LlamaHeads(b.self_attn), b.post_attention_layernorm, b.mlp)
        for b in blocks
    ]
    _check_llama(blocks[0].self_attn, model.rotary_emb)
    frequencies = model.rotary_emb.inv_freq.detach().clone()
    return Backbone(
        pieces,
        model.norm,
        model.config.hidden_size,
        frequencies,
        pretrained=pretrained,
        folder=str(folder) if pretrained else None,
    )


def _load(kind: str, folder: str | Path | None, config: Any) -> nn.Module:
    transformers = require("transformers", extra="llm")
    if folder is not None:
        if not Path(folder).is_dir():
            raise GraphError(
                "folder",
                "there is no such folder of weights",
                got=str(folder),
                fix="Save the model there with save_pretrained; nothing is downloaded.",
            )
        model = transformers.AutoModel.from_pretrained(str(folder), local_files_only=True)
    else:
        known = {"gpt2": transformers.GPT2Config, "llama": transformers.LlamaConfig}[kind]
        if config is None or isinstance(config, dict):
            config = known(**(config or {}))
        model = transformers.AutoModel.from_config(config)
    fits = hasattr(model, "wpe") if kind == "gpt2" else hasattr(model, "rotary_emb")
    if not fits or not hasattr(model, "h" if kind == "gpt2" else "layers"):
        raise GraphError("backbone", f"not of the layout of {kind}", got=type(model).__name__)
    return model


def _check_llama(attention: nn.Module, rotary: nn.Module) -> None:
    if getattr(rotary, "attention_scaling", 1.0) != 1.0:
        raise GraphError("backbone", "a rotary embedding that rescales scores is not supported")
    for name in ("q_norm", "k_norm"):
        if hasattr(attention, name):
            raise GraphError("backbone", f"attention with '{name}' is not supported")


def _adapt(kind: str, blocks: nn.ModuleList, settings: dict[str, Any], last: int) -> None:
    """Low-rank adapters on the attention projections of the last blocks."""
    peft = require("peft", extra="llm")
    modules = ["c_attn"] if kind == "gpt2" else ["q_proj", "k_proj", "v_proj"]
    config = peft.LoraConfig(
        **{"r": 16, "lora_alpha": 32, "target_modules": modules, **settings},
        fan_in_fan_out=kind == "gpt2",  # its layers store weights the other way round
    )
    for block in blocks[len(blocks) - last :]:
        peft.inject_adapter_in_model(config, block)
