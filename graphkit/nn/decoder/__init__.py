"""Decoders whose attention, mask and feed-forward part can be replaced from outside."""

from graphkit.nn.decoder.backbone import Backbone, Block
from graphkit.nn.decoder.decoder import Decoder, DecoderLayer
from graphkit.nn.decoder.freezing import FreezeReport, freeze, freeze_report
from graphkit.nn.decoder.make_backbone import BACKBONES, make_backbone

__all__ = [
    "BACKBONES",
    "Backbone",
    "Block",
    "Decoder",
    "DecoderLayer",
    "FreezeReport",
    "freeze",
    "freeze_report",
    "make_backbone",
]
