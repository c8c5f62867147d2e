"""A hash table of node pairs in tensors: number of events and time of the latest one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time
from graphkit.nn.stream.node_tables import NodeTables
from graphkit.ops.counter_rng import hash64

__all__ = ["PairTable"]

_BUCKET = 32  # slots per bucket; 32 lets the table fill to about two fifths before it doubles
_EMPTY = -1


class PairTable(NodeTables):
    r"""Maps pairs of nodes to the number of their events and the time of the latest one.

    A pair is one 64-bit key, :math:`2^{32} u + v`, whatever the number of nodes. Buckets of 32
    slots are chosen by a hash of the key; a look-up reads one bucket and compares its keys, so that
    look-up and insertion need no loops. When a bucket would overflow, the table doubles and is
    rebuilt. Inserting :math:`B` events is therefore amortised :math:`O(B \log B)` (the batch is
    sorted), and a look-up is :math:`O(B)`, both independent of the number of pairs. All state is in
    buffers, 60 to 130 bytes per pair; state dicts of any size can be loaded. Equal event batches
    give equal buffers on every device, independent of the order of events within a batch.

    Args:
        num_nodes: Number of nodes :math:`N`; below :math:`2^{32}`, so that a key fits 64 bits.
        time_dtype: Data type of the times of the stream, int64 or float64.

    Shapes:
        - **input:** pairs ``u``, ``v`` of one shape :math:`(\ldots)`
        - **output:** count :math:`(\ldots)` int64 and latest time :math:`(\ldots)`, both 0 for a
          pair without events
    """

    key: Tensor
    count: Tensor
    time: Tensor

    def __init__(self, num_nodes: int, time_dtype: torch.dtype = torch.int64) -> None:
        super().__init__(num_nodes)
        self._check_size(num_nodes)
        self.time_dtype = check_time_dtype(time_dtype)
        self.register_buffer("key", torch.full((_BUCKET,), _EMPTY, dtype=torch.int64))
        self.register_buffer("count", torch.zeros(_BUCKET, dtype=torch.int64))
        self.register_buffer("time", torch.zeros(_BUCKET, dtype=torch.int64))

    def __len__(self) -> int:
        return int((self.key != _EMPTY).sum())

    def reset_state(self) -> None:
        """Reset the state by removing all pairs, and release their memory."""
        self._lay_out(_BUCKET)

    def _resize(self, num_nodes: int) -> None:
        self._check_size(num_nodes)
        super()._resize(num_nodes)

    @staticmethod
    def _check_size(num_nodes: int) -> None:
        if num_nodes >= 2**32:
            raise GraphError(
                "num_nodes",
                "a pair of node ids does not fit 64 bits",
                expected="fewer than 2**32 nodes",
                got=num_nodes,
            )

    def _lay_out(self, slots: int) -> None:
        self.key = self.key.new_full((slots,), _EMPTY)
        self.count = self.count.new_zeros(slots)
        self.time = self.time.new_zeros(slots)

    def _keys(self, u: Tensor, v: Tensor) -> Tensor:
        return (u << 32) + v  # above 2**31 it wraps around, to a key of its own; never to -1

    def _bucket(self, key: Tensor) -> Tensor:
        buckets = self.key.numel() // _BUCKET  # a power of two
        return hash64(key) & (buckets - 1)

    def _find(self, key: Tensor) -> tuple[Tensor, Tensor]:
        """Slot of each key and whether it is present; slots of absent keys are arbitrary."""
        bucket = self._bucket(key)
        match = self.key.view(-1, _BUCKET)[bucket] == key.unsqueeze(-1)
        return bucket * _BUCKET + match.to(torch.uint8).argmax(-1), match.any(-1)

    def forward(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Number of events and time of the latest event of each pair."""
        slot, found = self._find(self._keys(u, v))
        count = torch.where(found, self.count[slot], 0)
        time = torch.where(found, self.time[slot], 0)
        return count, unpack_time(time, self.time_dtype)

    @torch.no_grad()
    def insert(self, u: Tensor, v: Tensor, t: Tensor) -> None:
        """Count a batch of events; each argument has the shape ``[B]``."""
        t = unpack_time(pack_time(t, self.time_dtype), self.time_dtype)
        key, group, count = torch.unique(self._keys(u, v), return_inverse=True, return_counts=True)
        latest = t.new_zeros(key.numel()).scatter_reduce(
            0, group, t, reduce="amax", include_self=False
        )
        slot, found = self._find(key)
        old = slot[found]
        self.count[old] += count[found]
        before = unpack_time(self.time[old], self.time_dtype)
        self.time[old] = pack_time(torch.maximum(before, latest[found]), self.time_dtype)
        new = ~found
        self._add(key[new], count[new], pack_time(latest[new], self.time_dtype))

    def _add(self, key: Tensor, count: Tensor, time: Tensor) -> None:
        """Add keys that are not in the table, which doubles until no bucket overflows."""
        while True:
            bucket, order = torch.sort(self._bucket(key), stable=True)
            _, group, size = torch.unique_consecutive(
                bucket, return_inverse=True, return_counts=True
            )
            first = size.cumsum(0) - size
            rank = torch.arange(key.numel(), device=key.device) - first[group]
            filled = (self.key.view(-1, _BUCKET)[bucket] != _EMPTY).sum(-1)
            position = filled + rank
            if not bool((position >= _BUCKET).any()):
                break
            held = self.key != _EMPTY
            key = torch.cat([self.key[held], key])
            count = torch.cat([self.count[held], count])
            time = torch.cat([self.time[held], time])
            slots = 2 * self.key.numel()
            while slots < 2 * key.numel():
                slots *= 2
            self._lay_out(slots)
        slot = bucket * _BUCKET + position
        self.key[slot] = key[order]
        self.count[slot] = count[order]
        self.time[slot] = time[order]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # The table grows with the stream: take the size of what is loaded.
        saved = state_dict.get(prefix + "key")
        if isinstance(saved, Tensor) and saved.shape != self.key.shape:
            self._lay_out(saved.numel())
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return f"{self.num_nodes}"
