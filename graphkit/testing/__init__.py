"""Checks that authors can run on their own models, layers and encoders."""

from graphkit.testing.pinned_stream import pinned_queries, pinned_stream
from graphkit.testing.predictor import check_predictor
from graphkit.testing.rule_f import fill_rule_f, rule_f_image, rule_f_values
from graphkit.testing.sequence_encoder import SEQUENCE_ENCODER_CHECKS, check_sequence_encoder
from graphkit.testing.signal_model import (
    SIGNAL_CASES,
    SIGNAL_MODEL_CHECKS,
    SignalCase,
    check_signal_model,
)
from graphkit.testing.static_model import (
    STATIC_CASES,
    STATIC_MODEL_CHECKS,
    StaticCase,
    check_static_model,
)
from graphkit.testing.stream_case import STREAM_CASES, StreamCase
from graphkit.testing.stream_model import STREAM_MODEL_CHECKS, check_stream_model

__all__ = [
    "SEQUENCE_ENCODER_CHECKS",
    "SIGNAL_CASES",
    "SIGNAL_MODEL_CHECKS",
    "STATIC_CASES",
    "STATIC_MODEL_CHECKS",
    "STREAM_CASES",
    "STREAM_MODEL_CHECKS",
    "SignalCase",
    "StaticCase",
    "StreamCase",
    "check_predictor",
    "check_sequence_encoder",
    "check_signal_model",
    "check_static_model",
    "check_stream_model",
    "fill_rule_f",
    "pinned_queries",
    "pinned_stream",
    "rule_f_image",
    "rule_f_values",
]
