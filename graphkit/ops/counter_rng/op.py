r"""Counter-based random numbers: a draw is a pure function of integers.

A stateful generator makes a draw depend on how many draws came before it, hence on the batch
size, on the order of the batches, on which process scored which row, and on the device. Here the
draw for ``(seed, epoch, event_id, column)`` is a hash of these integers. Nothing is stored, nothing
has to be saved in a checkpoint, and CPU and GPU give the same bits, because only int64 additions,
exclusive-ors, shifts and multiplications modulo :math:`2^{64}` take part.

Each argument :math:`x` is absorbed by

.. math::
    h \leftarrow \mathrm{mix}\big((h \oplus x) + \gamma\big), \qquad
    \gamma = \texttt{0x9E3779B97F4A7C15}

where mix is the SplitMix64 finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014; its constants are variant 13 of Stafford's study of the murmur3
finaliser). Mix is a bijection of the 64-bit integers, so two calls that differ in exactly one
argument never collide. These numbers are for sampling, not for cryptography.

Python integers are absorbed in Python, which costs nothing on the device: put the scalars (seed,
epoch, a tag that tells one use from another) first, and the widest tensor last, so that the early
steps stay small.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.counter_rng.loops import GAMMA, MUL1, MUL2

__all__ = ["hash64", "integers", "uniform"]

_MASK64 = (1 << 64) - 1


def _signed(value: int) -> int:
    """The signed 64-bit integer with the bits of ``value`` (modulo 2**64)."""
    value &= _MASK64
    return value - (1 << 64) if value >> 63 else value


def _shift_right(h: Tensor, bits: int) -> Tensor:
    """Logical shift; torch shifts int64 arithmetically, so the copied sign bits are masked away."""
    return (h >> bits) & ((1 << (64 - bits)) - 1)


def _mix_int(h: int) -> int:
    h = ((h ^ (h >> 30)) * MUL1) & _MASK64
    h = ((h ^ (h >> 27)) * MUL2) & _MASK64
    return h ^ (h >> 31)


def _mix_tensor(h: Tensor) -> Tensor:
    h = (h ^ _shift_right(h, 30)) * _signed(MUL1)
    h = (h ^ _shift_right(h, 27)) * _signed(MUL2)
    return h ^ _shift_right(h, 31)


def hash64(*ints: int | Tensor) -> Tensor:
    r"""Hashes integers to 64 well mixed bits.

    The order of the arguments matters. Python integers and tensors may be mixed, and a Python
    integer gives the same bits as a tensor holding it (modulo :math:`2^{64}`).

    Args:
        *ints: at least one Python integer or integer (or bool) tensor; tensors broadcast against
            each other and must share one device.

    Returns:
        int64 tensor of the broadcast shape (0-dimensional on the CPU if every argument is a Python
        integer), each value uniform over the whole signed range.

    Raises:
        TypeError: if there is no argument, or one is neither an integer nor an integer tensor.
    """
    if not ints:
        raise TypeError("hash64() needs at least one integer to hash")
    h: int | Tensor = 0
    for position, x in enumerate(ints):
        if isinstance(x, Tensor):
            if x.is_floating_point() or x.is_complex():
                raise TypeError(
                    f"hash64() takes integers: argument {position} is a {x.dtype} tensor; "
                    "hash an id or a rank, or view the bits with x.double().view(torch.int64)"
                )
            x = x.long()
        elif isinstance(x, int):
            x = x & _MASK64 if isinstance(h, int) else _signed(x)
        else:
            raise TypeError(
                f"hash64() takes integers: argument {position} is a {type(x).__name__}; "
                "pass a Python int or an integer tensor"
            )
        if isinstance(h, int) and isinstance(x, int):
            h = _mix_int(((h ^ x) + GAMMA) & _MASK64)
        else:
            h = _mix_tensor(((_signed(h) if isinstance(h, int) else h) ^ x) + _signed(GAMMA))
    return torch.tensor(_signed(h), dtype=torch.int64) if isinstance(h, int) else h


def uniform(*ints: int | Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    r"""Uniform numbers in :math:`[0, 1)` as a pure function of integers.

    Args:
        *ints: what the draw depends on, as in :func:`hash64`.
        dtype: ``torch.float64`` (multiples of :math:`2^{-53}`) or ``torch.float32`` (of
            :math:`2^{-24}`). Both come from the top bits of one hash, are exact, and are never 1.

    Returns:
        tensor of the broadcast shape.

    Raises:
        TypeError: as :func:`hash64`.
        ValueError: for another ``dtype``.
    """
    if dtype == torch.float64:
        bits = 53
    elif dtype == torch.float32:
        bits = 24
    else:
        raise ValueError(
            f"uniform() draws torch.float64 or torch.float32, got {dtype}; cast the result"
        )
    return _shift_right(hash64(*ints), 64 - bits).to(dtype) * 2.0**-bits


def integers(high: int | Tensor, *ints: int | Tensor) -> Tensor:
    r"""Uniform integers in :math:`[0, \mathrm{high})` as a pure function of integers.

    63 bits of the hash are reduced modulo ``high``; no value is more likely than another by more
    than a factor :math:`1 + \mathrm{high} / 2^{63}` (about).

    Args:
        high: exclusive upper bound, a Python integer >= 1 or an int64 tensor that broadcasts with
            the rest. Tensor entries below 1 count as 1 (the draw is 0), so that rows without
            candidates can be masked afterwards instead of being filtered before.
        *ints: what the draw depends on, as in :func:`hash64`.

    Returns:
        int64 tensor of the broadcast shape.

    Raises:
        TypeError: as :func:`hash64`.
        ValueError: if ``high`` is a Python integer below 1 or above :math:`2^{63} - 1`.
    """
    if isinstance(high, Tensor):
        high = high.clamp(min=1)
    elif not 1 <= high < 1 << 63:
        raise ValueError(f"integers() draws from [0, high): high must be in 1..2**63-1, got {high}")
    return _shift_right(hash64(*ints), 1) % high
