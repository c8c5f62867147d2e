"""Sum-pooling of embeddings over the few true cells of a wide mask."""

from graphkit.ops.joint_bag.op import joint_bag, sparse_bag

__all__ = ["joint_bag", "sparse_bag"]
