"""Masks for dropout from sixteen random bits each, four from one draw."""

from graphkit.ops.random_mask.op import keep_scale, random_mask

__all__ = ["keep_scale", "random_mask"]
