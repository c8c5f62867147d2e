"""The N-cache as loops: what :class:`~graphkit.nn.stream.n_cache.NCache` does, entry by entry."""

from graphkit.ops.n_cache.loops import count_codes, find_shared_keys, read_rows, write_records

__all__ = ["count_codes", "find_shared_keys", "read_rows", "write_records"]
