"""The N-cache as loops: what :class:`~graphkit.nn.stream.n_cache.NCache` does, entry by entry.

Arguments are numpy views of the tensors that the class documents. ``W = 1 + M1 + M2``.
"""

from __future__ import annotations

import math

import numpy as np

from graphkit.ops.compiled import compiled
from graphkit.ops.counter_rng.loops import absorb, unit

__all__ = ["count_codes", "find_shared_keys", "read_rows", "write_records"]


@compiled
def write_records(
    key, stamp, time, vector, partner,  # state: [N, W], [N, W], [N, W] or [0, 0], [N, F, W], [N]
    count, activity,  # [N, M1] or [0, 0], [N, 2, H]
    node, row_key, row_stamp, row_time, row_count, row_activity,  # rows read before the batch
    updated,  # [F, R, W]
    src_row, dst_row, event_id, t, order,  # the events, [B] each; order: positions in time order
    slot1, half_lives, m1, m2, replace_prob, allow_self, seed, keep_time,
):  # fmt: skip
    """Writes the events of a batch; returns how many records a later one overruled."""
    channels, num_rows, _ = updated.shape
    nested = m2 > 0 and m1 % m2 == 0
    coins = replace_prob < 1.0
    seen = np.zeros(num_rows, dtype=np.bool_)
    overruled = 0
    best = np.empty(max(m2, 1), dtype=np.int64)
    word = np.empty(5, dtype=np.uint64)
    for position in order:
        for side in range(2):
            own = src_row[position] if side == 0 else dst_row[position]
            other = dst_row[position] if side == 0 else src_row[position]
            o, p, e = node[own], node[other], event_id[position]
            if seen[own]:
                overruled += 1
            seen[own] = True
            # hop 0
            key[o, 0] = o
            stamp[o, 0] = 2 * e + side
            if keep_time:
                time[o, 0] = t[position]
            partner[o] = p
            for f in range(channels):
                vector[o, f, 0] = updated[f, own, 0]
            # hop 1
            column = 1 + np.int64(slot1[p])
            held = row_key[own, column]
            passes = True
            if coins and held >= 0 and held != p:
                word[0], word[1] = np.uint64(seed), np.uint64(1)
                word[2], word[3], word[4] = np.uint64(o), np.uint64(e), np.uint64(p)
                h = np.uint64(0)
                for i in range(5):
                    h = absorb(h, word[i])
                passes = unit(h) < replace_prob
            if passes:
                key[o, column] = p
                stamp[o, column] = 2 * e + side
                if keep_time:
                    time[o, column] = t[position]
                for f in range(channels):
                    vector[o, f, column] = updated[f, own, column] if held == p else 0.0
            # hop 2: the partner's hop 1 is offered
            if m2 == 0:
                continue
            for s in range(m2):
                best[s] = -1
            for j in range(1, 1 + m1):
                a = row_key[other, j]
                if a < 0 or (a == o and not allow_self):
                    continue
                if nested:
                    s = (j - 1) % m2
                else:
                    h = absorb(absorb(np.uint64(0), np.uint64(seed)), np.uint64(a))
                    s = np.int64(h & np.uint64(0x7FFFFFFF)) % m2
                held = row_key[own, 1 + m1 + s]
                if coins and held >= 0 and held != a:
                    word[0], word[1] = np.uint64(seed), np.uint64(2)
                    word[2], word[3], word[4] = np.uint64(o), np.uint64(e), np.uint64(a)
                    h = np.uint64(0)
                    for i in range(5):
                        h = absorb(h, word[i])
                    if unit(h) >= replace_prob:
                        continue
                if best[s] < 0 or a > row_key[other, best[s]]:
                    best[s] = j
            for s in range(m2):
                j = best[s]
                if j >= 0:
                    c = 1 + m1 + s
                    key[o, c] = row_key[other, j]
                    stamp[o, c] = row_stamp[other, j]
                    if keep_time:
                        time[o, c] = row_time[other, j]
                    for f in range(channels):
                        vector[o, f, c] = updated[f, other, j]
    # Counts and activity say how often, whatever of it was overruled.
    keep_count = count.shape[0] > 0
    num_scales = half_lives.shape[0]
    if keep_count or num_scales:
        for position in order:
            for side in range(2):
                own = src_row[position] if side == 0 else dst_row[position]
                other = dst_row[position] if side == 0 else src_row[position]
                o, column = node[own], 1 + np.int64(slot1[node[other]])
                if keep_count:
                    same = row_key[own, column] == key[o, column]
                    count[o, column - 1] = row_count[own, column - 1] if same else 0
                for role in range(2):
                    for h in range(num_scales):
                        activity[o, role, h] = 0.0
        for position in order:
            for side in range(2):
                own = src_row[position] if side == 0 else dst_row[position]
                p = node[dst_row[position] if side == 0 else src_row[position]]
                o, column = node[own], 1 + np.int64(slot1[p])
                if keep_count and key[o, column] == p and count[o, column - 1] < 255:
                    count[o, column - 1] += 1
                late = (stamp[o, 0] >> 1) - event_id[position]
                for h in range(num_scales):
                    activity[o, side, h] += 2.0 ** (-late / half_lives[h])
        for own in range(num_rows):
            if seen[own]:
                o = node[own]
                late = (stamp[o, 0] >> 1) - (row_stamp[own, 0] >> 1)
                for role in range(2):
                    for h in range(num_scales):
                        activity[o, role, h] += row_activity[own, role, h] * 2.0 ** (
                            -late / half_lives[h]
                        )
    return overruled


@compiled
def find_shared_keys(key, slot1, group, strength, u, v, m1, m2, num_groups, coarse, num_strengths):  # type: ignore[no-untyped-def]
    """Lists the entries whose key the other node of the pair holds too.

    Args:
        key: int32 ``[R, W]``; column 0 is the node itself.
        slot1: uint8 ``[N]``.
        group: int64 ``[R, W]``, the age group of every entry, below ``num_groups``.
        strength: uint8 ``[R, M1]``, below ``num_strengths``; read only if that is not 0.
        u, v: int64 ``[P]``, rows.
        m1, m2: Slots of hop 1 and hop 2.
        num_groups: Number of coarse age groups.
        coarse: How many bits of the age group to drop.
        num_strengths: Number of strengths that hop-1 entries are told apart by.

    Returns:
        int64 ``[n]`` pair, and int64 ``[n]`` cell ``((side * 3 + hop) * 8 + bits) * num_groups +
        (group >> coarse)``; an entry of hop 1 is listed once more, with the cell ``48 * num_groups
        + (side * 8 + bits) * num_strengths + strength``.
    """
    width = 1 + m1 + m2
    num_pairs = u.shape[0]
    nested = m2 > 0 and m1 % m2 == 0
    bits = np.empty((num_pairs, 2 * width), dtype=np.uint8)
    count = 0
    for p in range(num_pairs):
        for side in range(2):
            a_row = u[p] if side == 0 else v[p]
            b_row = v[p] if side == 0 else u[p]
            b_node = key[b_row, 0]
            for c in range(width):
                a = key[a_row, c]
                found = 0
                if a >= 0:
                    if a == b_node:
                        found = 1
                    column = c
                    if c == 0 or c > m1:
                        column = 1 + np.int64(slot1[a])
                    if key[b_row, column] == a:
                        found |= 2
                    if nested:
                        if key[b_row, 1 + m1 + (column - 1) % m2] == a:
                            found |= 4
                    else:
                        for s in range(1 + m1, width):
                            if key[b_row, s] == a:
                                found |= 4
                bits[p, side * width + c] = found
                if found:
                    count += 2 if num_strengths > 0 and 0 < c <= m1 else 1
    pair = np.empty(count, dtype=np.int64)
    cell = np.empty(count, dtype=np.int64)
    n = 0
    for p in range(num_pairs):
        for side in range(2):
            row = u[p] if side == 0 else v[p]
            for c in range(width):
                found = np.int64(bits[p, side * width + c])  # plain Python would wrap at 255
                if found:
                    hop = 0 if c == 0 else (1 if c <= m1 else 2)
                    pair[n] = p
                    cell[n] = ((side * 3 + hop) * 8 + found) * num_groups + (
                        group[row, c] >> coarse
                    )
                    n += 1
                    if num_strengths > 0 and hop == 1:
                        pair[n] = p
                        cell[n] = (
                            48 * num_groups
                            + (side * 8 + found) * num_strengths
                            + strength[row, c - 1]
                        )
                        n += 1
    return pair, cell


@compiled
def count_codes(key, slot1, u, v, m1, m2):  # type: ignore[no-untyped-def]
    """How many keys of each pair have each distance-encoding code; every key counts once.

    Args:
        key: int32 ``[R, W]``; column 0 is the node itself.
        slot1: uint8 ``[N]``.
        u, v: int64 ``[P]``, rows.
        m1, m2: Slots of hop 1 and hop 2.

    Returns:
        float32 ``[P, 64]``.
    """
    width = 1 + m1 + m2
    num_rows, num_pairs = key.shape[0], u.shape[0]
    nested = m2 > 0 and m1 % m2 == 0
    # Which hops of its own row hold each key.
    own = np.zeros((num_rows, width), dtype=np.uint8)
    for r in range(num_rows):
        for c in range(width):
            a = key[r, c]
            if a < 0:
                continue
            found = 1 if a == key[r, 0] else 0
            column = c
            if c == 0 or c > m1:
                column = 1 + np.int64(slot1[a])
            if key[r, column] == a:
                found |= 2
            if nested:
                if key[r, 1 + m1 + (column - 1) % m2] == a:
                    found |= 4
            else:
                for s in range(1 + m1, width):
                    if key[r, s] == a:
                        found |= 4
            own[r, c] = found
    counts = np.zeros((num_pairs, 64), dtype=np.float32)
    for p in range(num_pairs):
        for side in range(2):
            a_row = u[p] if side == 0 else v[p]
            b_row = v[p] if side == 0 else u[p]
            for c in range(width):
                a = key[a_row, c]
                if a < 0:
                    continue
                found = 1 if a == key[b_row, 0] else 0
                column = c
                if c == 0 or c > m1:
                    column = 1 + np.int64(slot1[a])
                if key[b_row, column] == a:
                    found |= 2
                if nested:
                    if key[b_row, 1 + m1 + (column - 1) % m2] == a:
                        found |= 4
                else:
                    for s in range(1 + m1, width):
                        if key[b_row, s] == a:
                            found |= 4
                mine = own[a_row, c]
                hop = 0 if c == 0 else (1 if c <= m1 else 2)
                if mine & ((1 << hop) - 1):
                    continue  # an earlier hop of this side has it
                if side == 1 and found > 0:
                    continue  # u has it
                counts[p, mine | found << 3 if side == 0 else mine << 3 | found] += 1.0
    return counts


@compiled
def read_rows(key, stamp, vector, node, clock, m1, pending, num_buckets, directed):  # type: ignore[no-untyped-def]
    """Gathers rows and what is derived from them, for a clock that counts events.

    Returns:
        key int32 ``[R, W]`` and stamp int64 ``[R, W]`` as stored; group int64 ``[R, W]``, the age
        group ``direction * num_buckets + bucket`` of every entry; rest float32 ``[F, R]``, the sum
        of the vectors from column ``pending`` on. Listed for the ``m`` occupied slots: int64
        ``[m]`` ``hop * groups + group``, and int64 ``[m]`` row. Listed for the ``n`` of them before
        that column: cell int64 ``[n]`` (``row * W + column``), row int64 ``[n]``, key int32
        ``[n]``, group int64 ``[n]`` and state float32 ``[F, n]``.
    """
    num_rows, width, channels = node.shape[0], key.shape[1], vector.shape[1]
    groups = 2 * num_buckets if directed else num_buckets
    row_key = np.empty((num_rows, width), dtype=np.int32)
    row_stamp = np.empty((num_rows, width), dtype=np.int64)
    group = np.empty((num_rows, width), dtype=np.int64)
    rest = np.zeros((channels, num_rows), dtype=np.float32)
    occupied, total = 0, 0
    for r in range(num_rows):
        n = node[r]
        for c in range(width):
            k = key[n, c]
            row_key[r, c] = k
            row_stamp[r, c] = stamp[n, c]
            if k < 0:
                group[r, c] = 0
                continue
            occupied += 1
            if c < pending:
                total += 1
            else:
                for f in range(channels):
                    rest[f, r] += vector[n, f, c]
            age = max(clock - (stamp[n, c] >> 1), 0)
            mantissa, exponent = math.frexp(np.float32(age + 1))
            b = min(2 * (exponent - 1) + (1 if mantissa >= 0.75 else 0), num_buckets - 1)
            if directed:
                b += num_buckets * (stamp[n, c] & 1)
            group[r, c] = b
    place = np.empty(occupied, dtype=np.int64)
    place_row = np.empty(occupied, dtype=np.int64)
    cell = np.empty(total, dtype=np.int64)
    owner = np.empty(total, dtype=np.int64)
    entry_key = np.empty(total, dtype=np.int32)
    bucket = np.empty(total, dtype=np.int64)
    state = np.empty((channels, total), dtype=np.float32)
    i = j = 0
    for r in range(num_rows):
        n = node[r]
        for c in range(width):
            if row_key[r, c] < 0:
                continue
            hop = 0 if c == 0 else (1 if c <= m1 else 2)
            place[j] = hop * groups + group[r, c]
            place_row[j] = r
            j += 1
            if c < pending:
                cell[i] = r * width + c
                owner[i] = r
                entry_key[i] = row_key[r, c]
                bucket[i] = group[r, c]
                for f in range(channels):
                    state[f, i] = vector[n, f, c]
                i += 1
    listed = (cell, owner, entry_key, bucket, state)
    return row_key, row_stamp, group, rest, place, place_row, *listed
