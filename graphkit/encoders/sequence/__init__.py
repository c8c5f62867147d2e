"""Sequence encoders ``[B, L, C] -> [B, L, C']``: the protocol and the encoders, one file each.

The package is callable: ``sequence(name, **settings)`` makes a registered encoder.

Example:
    >>> from graphkit.encoders import sequence
    >>> encoder = sequence("gru", in_channels=64)
    >>> y = encoder(torch.randn(8, 20, 64))
    >>> from graphkit.encoders.sequence import GRU  # the same class
"""

from __future__ import annotations

import sys
import types
from typing import Any

from graphkit.encoders.sequence.aaren import Aaren, AarenAttention
from graphkit.encoders.sequence.blocks import BlockStack
from graphkit.encoders.sequence.causal_conv import CausalConv
from graphkit.encoders.sequence.gla import GLA, GatedLinearAttention
from graphkit.encoders.sequence.leaky_rnn import LeakyRNN
from graphkit.encoders.sequence.masks import key_padding_mask, last_valid
from graphkit.encoders.sequence.mixer import Mixer
from graphkit.encoders.sequence.pararnn import ParaGRU, ParaLSTM
from graphkit.encoders.sequence.position_code import PositionCode
from graphkit.encoders.sequence.protocol import FORMS, SequenceEncoder
from graphkit.encoders.sequence.retnet import Retention, RetNet
from graphkit.encoders.sequence.rnn import GRU, LSTM, BiGRU, BiLSTM
from graphkit.encoders.sequence.skeleton_cnn import SkeletonCNN
from graphkit.encoders.sequence.stack import FeedForward, Pointwise, SequenceStack
from graphkit.encoders.sequence.state import State
from graphkit.encoders.sequence.table import StateTable
from graphkit.encoders.sequence.tcnca import TCN, TCNCA
from graphkit.encoders.sequence.time_gap import WithTimeGap
from graphkit.encoders.sequence.titans import TitansLMM, TitansMAG, TitansMAL
from graphkit.encoders.sequence.titans_mac import TitansMAC
from graphkit.encoders.sequence.transformer import SelfAttention, Transformer
from graphkit.encoders.sequence.universal_transformer import Ponder, UniversalTransformer
from graphkit.encoders.sequence.urpe_transformer import URPETransformer
from graphkit.registry import get, names

__all__ = [
    "FORMS",
    "GLA",
    "GRU",
    "LSTM",
    "TCN",
    "TCNCA",
    "Aaren",
    "AarenAttention",
    "BiGRU",
    "BiLSTM",
    "CausalConv",
    "BlockStack",
    "FeedForward",
    "GatedLinearAttention",
    "LeakyRNN",
    "Mixer",
    "Pointwise",
    "PositionCode",
    "RetNet",
    "Retention",
    "SelfAttention",
    "ParaGRU",
    "ParaLSTM",
    "Ponder",
    "SequenceEncoder",
    "SequenceStack",
    "SkeletonCNN",
    "State",
    "StateTable",
    "Transformer",
    "TitansLMM",
    "TitansMAC",
    "TitansMAG",
    "TitansMAL",
    "URPETransformer",
    "UniversalTransformer",
    "WithTimeGap",
    "key_padding_mask",
    "last_valid",
    "list_sequence_encoders",
    "make_sequence_encoder",
]


def make_sequence_encoder(encoder: str | SequenceEncoder, **settings: Any) -> SequenceEncoder:
    """An encoder by name, or the encoder itself.

    Args:
        encoder: A registered name, see :func:`list_sequence_encoders`; or an encoder, which comes
            back as it is.
        settings: Of the named encoder: ``in_channels``, mostly ``out_channels``, and its own.

    Raises:
        UnknownNameError: No encoder of that name.
        TypeError: The encoder does not know a setting, or settings come with a ready encoder.
    """
    if isinstance(encoder, str):
        return get("sequence_encoder", encoder)(**settings)
    if settings:
        known = ", ".join(settings)
        raise TypeError(f"settings ({known}) belong to a name; this encoder is made already")
    return encoder


def list_sequence_encoders() -> list[str]:
    """Names of all registered sequence encoders."""
    return names("sequence_encoder")


class _CallablePackage(types.ModuleType):
    """A module that makes encoders when called, so that the package's name reads as a verb."""

    def __call__(self, encoder: str | SequenceEncoder, **settings: Any) -> SequenceEncoder:
        return make_sequence_encoder(encoder, **settings)


sys.modules[__name__].__class__ = _CallablePackage
