"""How often the entries of one row of keys occur in another row."""

from graphkit.ops.co_occurrence.op import co_occurrence
from graphkit.ops.co_occurrence.reference import co_occurrence_reference

__all__ = ["co_occurrence", "co_occurrence_reference"]
