"""Kernels: a short torch reference beside each fast path, one contract, one test."""

from __future__ import annotations

from graphkit.ops import counter_rng

__all__ = ["counter_rng"]
