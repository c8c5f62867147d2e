"""Checks that the author of a model, a layer or an encoder can run on their own work."""

from graphkit.testing.stream_case import STREAM_CASES, StreamCase
from graphkit.testing.stream_model import STREAM_MODEL_CHECKS, check_stream_model

__all__ = ["STREAM_CASES", "STREAM_MODEL_CHECKS", "StreamCase", "check_stream_model"]
