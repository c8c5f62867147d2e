"""Affine recurrences with a small block per channel, in logarithmically many steps."""

from graphkit.ops.block_scan.op import block_scan
from graphkit.ops.block_scan.reference import block_scan_reference

__all__ = ["block_scan", "block_scan_reference"]
