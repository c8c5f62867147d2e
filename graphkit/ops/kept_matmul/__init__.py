"""Products with a sparse matrix of which dropout keeps some entries, the others skipped."""

from graphkit.ops.kept_matmul.loops import kept_times, kept_transposed_times

__all__ = ["kept_times", "kept_transposed_times"]
