"""Softmax attention of one query over every prefix of a sequence, in time linear in its length."""

from graphkit.ops.softmax_scan.op import (
    SOFTMAX_FORMS,
    Softmax,
    merge_softmax,
    softmax_scan,
    softmax_value,
)
from graphkit.ops.softmax_scan.reference import softmax_scan_reference

__all__ = [
    "SOFTMAX_FORMS",
    "Softmax",
    "merge_softmax",
    "softmax_scan",
    "softmax_scan_reference",
    "softmax_value",
]
