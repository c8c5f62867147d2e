"""The product of one sparse matrix over nodes with many slices: :math:`Y_t = P X_t (+ Z_t)`."""

from graphkit.ops.node_mix.op import node_mix
from graphkit.ops.node_mix.reference import node_mix_reference

__all__ = ["node_mix", "node_mix_reference"]
