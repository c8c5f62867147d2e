"""Attention that knows where tokens are, and what came before: rotary angles, pattern memories."""

from graphkit.nn.attention.head_projections import HeadProjections
from graphkit.nn.attention.masks import hop_mask, token_mask
from graphkit.nn.attention.mrffn import MRFFN
from graphkit.nn.attention.pattern_memory import PatternMemory, Retrieval
from graphkit.nn.attention.rotary import rotary_frequencies, rotate
from graphkit.nn.attention.se_attention import SEAttention, rotary_attention
from graphkit.nn.attention.se_rotary import SERotary
from graphkit.nn.attention.spatial_basis import SpatialBasis

__all__ = [
    "MRFFN",
    "HeadProjections",
    "PatternMemory",
    "Retrieval",
    "SEAttention",
    "SERotary",
    "SpatialBasis",
    "hop_mask",
    "rotary_attention",
    "rotary_frequencies",
    "rotate",
    "token_mask",
]
