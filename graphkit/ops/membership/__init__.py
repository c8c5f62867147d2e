"""The sort-free join of neighbourhood caches: which hops of the other node hold my keys?"""

from graphkit.ops.membership.op import membership
from graphkit.ops.membership.reference import membership_reference

__all__ = ["membership", "membership_reference"]
