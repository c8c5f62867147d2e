"""Decoders whose attention, mask and feed-forward part can be replaced from outside."""

from graphkit.nn.decoder.backbone import BACKBONES, Backbone, Block, make_backbone
from graphkit.nn.decoder.decoder import Decoder, DecoderLayer
from graphkit.nn.decoder.freezing import FreezeReport, freeze, freeze_report

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
