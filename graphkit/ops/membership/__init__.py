"""The sort-free join of neighbourhood caches: which hops of the other node hold my keys?"""

from graphkit.ops.membership.op import membership, membership_reference

__all__ = [
    "membership",
    "membership_reference",
]
