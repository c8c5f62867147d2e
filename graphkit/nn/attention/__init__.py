"""Attention with positions in time and space (rotary angles) and with memories of patterns."""

from graphkit.nn.attention.head_projections import HeadProjections
from graphkit.nn.attention.masks import hop_mask, token_mask
from graphkit.nn.attention.mrffn import MRFFN
from graphkit.nn.attention.multi_head import MultiHeadAttention, see_something
from graphkit.nn.attention.pattern_memory import PatternMemory, Retrieval
from graphkit.nn.attention.relative import (
    RelativeTables,
    hop_index,
    log_bucket_index,
    offset_index,
)
from graphkit.nn.attention.rotary import rotary_frequencies, rotate
from graphkit.nn.attention.se_attention import SEAttention, rotary_attention
from graphkit.nn.attention.se_rotary import SERotary
from graphkit.nn.attention.spatial_basis import SpatialBasis

__all__ = [
    "MRFFN",
    "HeadProjections",
    "MultiHeadAttention",
    "PatternMemory",
    "RelativeTables",
    "Retrieval",
    "SEAttention",
    "SERotary",
    "SpatialBasis",
    "hop_index",
    "hop_mask",
    "log_bucket_index",
    "offset_index",
    "rotary_attention",
    "rotary_frequencies",
    "rotate",
    "see_something",
    "token_mask",
]
