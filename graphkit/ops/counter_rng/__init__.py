"""Counter-based random numbers: a draw is a pure function of integers."""

from graphkit.ops.counter_rng.op import hash64, integers, uniform

__all__ = ["hash64", "integers", "uniform"]
