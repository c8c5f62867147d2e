"""Checks that a fitted model gives on new tables the results of ``evaluate`` on the test subset."""

from __future__ import annotations

from graphkit.testing.predictor.check import check_predictor

__all__ = ["check_predictor"]
