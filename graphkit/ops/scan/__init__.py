"""Linear recurrences :math:`h_t = A_t h_{t-1} + b_t` over a whole sequence."""

from graphkit.ops.scan.op import SCAN_METHODS, affine_scan
from graphkit.ops.scan.reference import affine_scan_reference

__all__ = ["SCAN_METHODS", "affine_scan", "affine_scan_reference"]
