"""Sensors on a ring: a daily rhythm, what drifts from neighbour to neighbour, and rare shocks."""

from __future__ import annotations

import numpy as np

from graphkit.checks import check_count
from graphkit.data import TemporalGraph
from graphkit.datasets.sensors import seconds
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["sensor_ring"]


@register("dataset", "sensor_ring")
def sensor_ring(
    num_nodes: int = 24,
    days: int = 14,
    *,
    steps_per_day: int = 96,
    drift: float = 0.8,
    decay: float = 0.95,
    noise: float = 1.0,
    shocks: float = 2.0,
    shock_size: float = 15.0,
    shock_steps: int = 4,
    shock_kinds: int = 1,
    missing: float = 0.0,
    seed: int = 0,
) -> TemporalGraph:
    r"""A generated signal on which neighbours and repeated patterns matter.

    Reading of node n at step t:

    .. math::
        x_{t,n} = 50 + a_n \sin(2\pi t / D + \phi_n) + z_{t,n}, \qquad
        z_{t,n} = \rho \left( (1 - d)\, z_{t-1,n} + d\, z_{t-1,n-1} \right)
                  + \epsilon_{t,n} + s_{t,n}

    What is unusual moves on round the ring (``drift`` d, ``decay`` :math:`\rho`), so a node's
    future stands in its neighbour's past. Shocks s begin at a random node and time and have one of
    a few shapes, which come again and again: the first falls off linearly from ``shock_size``
    within ``shock_steps`` steps, others are smooth random curves of that length and size.

    Args:
        num_nodes: ``N``, at least 3.
        days: Days from Monday, 2024-01-01.
        steps_per_day: D; a divisor of 86,400.
        drift: Share of what is unusual that moves one node on in a step, 0 to 1.
        decay: Share of it that is left after a step, 0 to below 1.
        noise: Standard deviation of :math:`\epsilon`.
        shocks: Shocks per day, in the mean.
        shock_size: Height of a shock.
        shock_steps: Its length.
        shock_kinds: Shapes of shocks.
        missing: Share of the readings that are missing, at random.
        seed: Same arguments and seed, same signal.

    Returns:
        A graph with edges n → n + 1 and n → n - 1 of weight 1 that stand still, and ``signal``
        ``[days * steps_per_day, N, 1]``.

    Raises:
        GraphError: A number is out of range.
    """
    num_nodes, days = check_count(num_nodes, "num_nodes"), check_count(days, "days")
    if num_nodes < 3:
        raise GraphError("num_nodes", "no ring", expected="at least 3", got=num_nodes)
    if steps_per_day < 1 or 86_400 % steps_per_day:
        raise GraphError(
            "steps_per_day", "not a divisor of 86,400", expected="such as 96", got=steps_per_day
        )
    shock_kinds = check_count(shock_kinds, "shock_kinds")
    for name, value, most in (("drift", drift, 1.0), ("decay", decay, 0.999),
                              ("missing", missing, 0.9)):  # fmt: skip
        if not 0 <= value <= most:
            raise GraphError(name, "out of range", expected=f"0 to {most}", got=value)
    rng = np.random.default_rng(seed)
    steps = days * steps_per_day
    push = rng.normal(0, noise, size=(steps, num_nodes))
    shapes = _shapes(shock_kinds, shock_steps, seed) * shock_size
    for _ in range(rng.poisson(shocks * days)):
        start, node = rng.integers(steps), rng.integers(num_nodes)
        kind = rng.integers(shock_kinds) if shock_kinds > 1 else 0
        stop = min(steps, start + shock_steps)
        push[start:stop, node] += shapes[kind, : stop - start]
    z = np.zeros((steps, num_nodes))
    for t in range(1, steps):
        before = z[t - 1]
        z[t] = decay * ((1 - drift) * before + drift * np.roll(before, 1)) + push[t]
    height, phase = rng.uniform(5, 15, num_nodes), rng.uniform(-0.5, 0.5, num_nodes)
    day = 2 * np.pi * np.arange(steps)[:, None] / steps_per_day
    signal = (50 + height * np.sin(day + phase) + z)[..., None].astype(np.float32)
    if missing:
        signal[rng.random(signal.shape) < missing] = np.nan
    node = np.arange(num_nodes)
    return TemporalGraph(
        np.concatenate([node, node]),
        np.concatenate([(node + 1) % num_nodes, (node - 1) % num_nodes]),
        np.zeros(2 * num_nodes, dtype=np.int64),
        edge_weight=np.ones(2 * num_nodes, dtype=np.float32),
        signal=signal,
        signal_t=seconds("2024-01-01", steps, 86_400 // steps_per_day),
        time_unit="s",
        name="sensor_ring",
    )


def _shapes(kinds: int, steps: int, seed: int) -> np.ndarray:
    """``[kinds, steps]``: a straight fall from 1 to 0, then random curves of deviation 1."""
    straight = np.arange(steps, 0, -1) / max(steps, 1)
    draw = np.random.default_rng([seed, kinds])
    curves = draw.normal(size=(kinds - 1, steps + 2))
    curves = (curves[:, :-2] + curves[:, 1:-1] + curves[:, 2:]) / np.sqrt(3)
    return np.concatenate([straight[None], curves])
