"""The N-cache as dictionaries, from the rules in :mod:`graphkit.nn.stream.n_cache`.

``hops[k][owner][key]`` is ``(stamp, time, vector)``. All writes of a batch are computed from the
state before it; of all candidates for a slot that pass their coin the latest in (stamp, key) wins.
"""

from __future__ import annotations

from typing import Any

__all__ = ["DictionaryCache", "updated"]

_MASK = (1 << 64) - 1
Entry = tuple[int, int, tuple[float, ...]]


def mixed(*numbers: int) -> int:
    """The 64-bit hash of :mod:`graphkit.ops.counter_rng`, on unbounded integers."""
    state = 0
    for number in numbers:
        z = ((state ^ (number & _MASK)) + 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        state = z ^ (z >> 31)
    return state


def updated(vector: Any, key: Any, stamp: Any) -> Any:
    """The vector with its event applied: exact in float32, for numbers and for tensors."""
    return vector * 0.5 + (key % 17 + 1) + (stamp % 13) * 0.25


class DictionaryCache:
    """See the module's docstring.

    Args:
        num_slots: Slots of hop 1 and of hop 2.
        channels: Size of the vectors.
        replace_prob: Chance that a new key evicts another one.
        allow_self: Whether a node may be a key of its own hop 2.
        seed: Seed of hash and coins.
    """

    def __init__(
        self,
        num_slots: tuple[int, int],
        channels: int,
        replace_prob: float,
        allow_self: bool,
        seed: int,
    ) -> None:
        self.num_slots, self.channels = num_slots, channels
        self.replace_prob, self.allow_self, self.seed = replace_prob, allow_self, seed
        self.hops: list[dict[int, dict[int, Entry]]] = [{}, {}, {}]

    def slot(self, hop: int, key: int) -> int:
        """The slot of a key."""
        return 0 if hop == 0 else (mixed(self.seed, key) & 0x7FFFFFFF) % self.num_slots[hop - 1]

    def write(self, events: list[tuple[int, int, int, int]]) -> None:
        """Enter a batch of ``(src, dst, number, t)``."""
        records = []
        for src, dst, number, t in sorted(events, key=lambda event: event[2]):
            records += [(src, dst, 2 * number, t), (dst, src, 2 * number + 1, t)]
        best: dict[tuple[int, int, int], tuple[tuple[int, int], int, Entry]] = {}

        def offer(hop: int, owner: int, key: int, stamp: int, entry: Entry) -> None:
            place = (hop, owner, self.slot(hop, key))
            held = self._holder(*place)
            if held is not None and held != key:
                coin = mixed(self.seed, hop, owner, stamp >> 1, key) >> 11
                if not coin * 2.0**-53 < self.replace_prob:
                    return
            if place not in best or (stamp, key) > best[place][0]:
                best[place] = ((stamp, key), key, entry)

        for owner, partner, stamp, t in records:
            for hop, key in ((0, owner), (1, partner)):
                held = self.hops[hop].get(owner, {}).get(key)
                offer(hop, owner, key, stamp, (stamp, t, self._applied(key, held)))
            if self.num_slots[1]:
                for key, held in self.hops[1].get(partner, {}).items():
                    if key != owner or self.allow_self:
                        offer(2, owner, key, stamp, (*held[:2], self._applied(key, held)))
        evicted = [(place, self._holder(*place)) for place in best]
        for (hop, owner, _), key in evicted:
            if key is not None:
                del self.hops[hop][owner][key]
        for (hop, owner, _), (_, key, entry) in best.items():
            self.hops[hop].setdefault(owner, {})[key] = entry

    def _holder(self, hop: int, owner: int, slot: int) -> int | None:
        table = self.hops[hop].get(owner, {})
        return next((key for key in table if self.slot(hop, key) == slot), None)

    def _applied(self, key: int, held: Entry | None) -> tuple[float, ...]:
        if held is None:
            return (0.0,) * self.channels
        return tuple(updated(value, key, held[0] >> 1) for value in held[2])
