"""A generated EEG: oscillations of regions whose strength follows an ordered level."""

from __future__ import annotations

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.recordings import recording_graph
from graphkit.electrodes import DREAMER_ELECTRODES
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["eeg_twin"]

RATE = 128.0


@register("dataset", "eeg_twin")
def eeg_twin(
    num_subjects: int = 4,
    num_clips: int = 10,
    *,
    num_classes: int = 5,
    seconds: float = 10.0,
    label_noise: float = 0.0,
    noise: float = 1.0,
    strength: float = 1.5,
    seed: int = 0,
) -> TemporalGraph:
    """A generated EEG: oscillations of regions whose strength follows an ordered level.

    14 electrodes (those of DREAMER) at 128 Hz. The true level of a clip is its number modulo the
    classes, in an order of the subject's own. Each region oscillates at a pitch of its own: 6 Hz
    left front, 10 Hz left back, 14 Hz right back, 20 Hz right front, in phases drawn for each clip
    and electrode. With the level the left front grows stronger and the right back weaker, so
    neighbouring levels look alike; people differ in loudness. White noise and a slow drift are
    added. Ratings differ from the true level by one, up or down, with probability ``label_noise``.

    Args:
        num_subjects: People.
        num_clips: Clips that each watches.
        num_classes: Levels.
        seconds: Length of a clip.
        label_noise: Share of ratings that miss the level by one.
        noise: Standard deviation of the white noise.
        strength: Amplitude of the strongest oscillation.
        seed: Same arguments and seed, same recording.

    Returns:
        Signal ``[T, 14, 1]``, recordings ``y`` (the rating), ``level`` (the truth), ``subject``,
        ``clip``, ``recording``.

    Raises:
        GraphError: A number out of range.
    """
    if min(num_subjects, num_clips) < 1 or num_classes < 2:
        raise GraphError("num_classes", "too few", expected="1 subject, 1 clip, 2 classes")
    if not (0 <= label_noise <= 1 and noise >= 0 and seconds * RATE >= 1):
        raise GraphError("label_noise", "a number is out of range", expected="a share, a length")
    rng = np.random.default_rng(seed)
    region = np.repeat(np.arange(4), (4, 3, 3, 4))  # the regions of HiSTN's paper
    pitch = np.array([6.0, 10.0, 14.0, 20.0])[region]
    steps = round(seconds * RATE)
    t = np.arange(steps)[:, None] / RATE
    pieces, recordings = [], {k: [] for k in ("y", "level", "subject", "clip", "recording")}
    for s in range(num_subjects):
        loud = rng.uniform(0.8, 1.25)
        levels = rng.permutation(num_clips) % num_classes
        for k, level in enumerate(levels):
            share = level / (num_classes - 1)
            gain = np.array([0.2 + share, 0.6, 1.2 - share, 0.6])[region] * strength * loud
            x = gain * np.sin(2 * np.pi * (pitch * t + rng.uniform(size=14)))
            drift = np.cumsum(rng.normal(size=(steps, 14)), axis=0) / np.sqrt(steps)
            pieces.append((x + noise * rng.normal(size=x.shape) + drift).astype(np.float32))
            rating = int(level)
            if rng.uniform() < label_noise:
                step = (
                    1 if rating == 0 else -1 if rating == num_classes - 1 else rng.choice([-1, 1])
                )
                rating += int(step)
            row = (rating, int(level), s, k, s * num_clips + k)
            for key, value in zip(recordings, row):
                recordings[key].append(value)
    starts = [i * steps for i in range(len(pieces))]
    return recording_graph(pieces, starts, RATE, DREAMER_ELECTRODES, recordings, "eeg_twin")
