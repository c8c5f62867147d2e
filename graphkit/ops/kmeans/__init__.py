"""k-means on the sphere: centroids by direction, in mini-batches."""

from graphkit.ops.kmeans.op import spherical_kmeans

__all__ = ["spherical_kmeans"]
