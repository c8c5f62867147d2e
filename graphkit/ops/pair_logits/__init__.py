"""The hidden layer of listed pairs, passed through and never written down."""

from graphkit.ops.pair_logits.op import pair_logits
from graphkit.ops.pair_logits.reference import pair_logits_reference

__all__ = ["pair_logits", "pair_logits_reference"]
