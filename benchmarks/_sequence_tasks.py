"""Small tasks for sequence encoders: made-up sequences whose answer is known, and digits by rows.

A task draws batches ``(x [B, L, C], target [B, L])`` with targets of -100 where nothing is asked.
Adding one: a function under ``@task(...)``.
"""

from __future__ import annotations

import functools
import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from graphkit.errors import DatasetNotFoundError

__all__ = ["TASKS", "BitTask", "SequenceTask", "task"]

IGNORE = -100


@dataclass(frozen=True)
class SequenceTask:
    """One task of fixed difficulty.

    Attributes:
        channels: C.
        classes: Classes of the answer.
        chance: Accuracy of a guess.
        updates: Training batches, at most.
        batch: Rows of one.
        bar: Accuracy from which the task counts as solved.
        sample: ``(generator, rows, split) -> (x, target)``; the split (train, validation, test)
            matters to real data only.
    """

    name: str
    doc: str
    channels: int
    classes: int
    chance: float
    updates: int
    batch: int
    bar: float
    sample: Callable[[Generator, int, str], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class BitTask:
    """A question about the last N bits; N grows in a curriculum.

    Attributes:
        updates: Training batches in all, at most.
        batch: Rows of one.
        bar: N from which the task counts as solved.
        largest: N at which training ends.
        label: ``(bits [B, L], N) -> [B]``.
        unbalanced: Whether every row has a probability of ones of its own.
    """

    name: str
    doc: str
    updates: int
    batch: int
    bar: int
    largest: int
    label: Callable[[Tensor, int], Tensor]
    unbalanced: bool

    def sample(self, draw: Generator, rows: int, largest: int) -> Tensor:
        """Bits ``[rows, M]``, M drawn from [N + 2, 4 N + 2) for the largest N."""
        length = int(torch.randint(largest + 2, 4 * largest + 2, (1,), generator=draw))
        p = torch.rand(rows, 1, generator=draw) if self.unbalanced else 0.5
        return (torch.rand(rows, length, generator=draw) < p).long()


TASKS: dict[str, SequenceTask | BitTask] = {}
"""All tasks by name."""


def task(
    name: str,
    *,
    channels: int,
    classes: int,
    chance: float,
    updates: int,
    bar: float,
    batch: int = 32,
) -> Callable[[Any], Any]:
    """Decorator: makes ``sample(draw, rows, split)`` a task."""

    def decorate(sample: Any) -> Any:
        doc = (sample.__doc__ or "").strip().splitlines()[0]
        TASKS[name] = SequenceTask(
            name, doc, channels, classes, chance, updates, batch, bar, sample
        )
        return sample

    return decorate


def _parity(bits: Tensor, n: int) -> Tensor:
    return bits[:, -n:].sum(1) % 2


def _match(bits: Tensor, n: int) -> Tensor:
    return (bits[:, -n] == bits[:, -1]).long()


TASKS["parity"] = BitTask(
    name="parity",
    doc="Parity of the last N bits (a running state)",
    updates=400,
    batch=64,
    bar=4,
    largest=6,
    label=_parity,
    unbalanced=True,
)
TASKS["match"] = BitTask(
    name="match",
    doc="Whether the last bit is the one N - 1 before it (delayed match)",
    updates=400,
    batch=64,
    bar=4,
    largest=6,
    label=_match,
    unbalanced=False,
)


@task("running", channels=1, classes=2, chance=0.5, updates=400, bar=0.95, batch=64)
def running(draw: Generator, rows: int, split: str) -> tuple[Tensor, Tensor]:
    """Parity of all bits so far, at every step, of rows of 2 to 16."""
    length = 16 if split == "test" else int(torch.randint(2, 17, (1,), generator=draw))
    bits = torch.randint(2, (rows, length), generator=draw)
    return bits.unsqueeze(2).float() * 2 - 1, bits.cumsum(1) % 2


@task("recall", channels=16, classes=8, chance=1 / 8, updates=400, bar=0.9)
def recall(draw: Generator, rows: int, split: str, pairs: int = 4) -> tuple[Tensor, Tensor]:
    """Four events with a key and a value, then the keys alone in another order: their values."""
    key = torch.rand(rows, 8, generator=draw).argsort(1)[:, :pairs]
    value = torch.randint(8, (rows, pairs), generator=draw)
    order = torch.rand(rows, pairs, generator=draw).argsort(1)
    shown = torch.cat([one_hot(key, 8), one_hot(value, 8)], 2)
    asked = torch.nn.functional.pad(one_hot(key.gather(1, order), 8), (0, 8))
    answer = torch.cat([torch.full_like(value, IGNORE), value.gather(1, order)], 1)
    return torch.cat([shown, asked], 1).float(), answer


@task("copy", channels=8, classes=8, chance=1 / 8, updates=400, bar=0.9)
def copy(draw: Generator, rows: int, split: str, delay: int = 4) -> tuple[Tensor, Tensor]:
    """The symbol of four steps ago, at every step."""
    tokens = torch.randint(8, (rows, 16), generator=draw)
    target = torch.full_like(tokens, IGNORE)
    target[:, delay:] = tokens[:, :-delay]
    return one_hot(tokens, 8).float(), target


@task("reverse", channels=9, classes=8, chance=1 / 8, updates=500, bar=0.95)
def reverse(draw: Generator, rows: int, split: str, length: int = 8) -> tuple[Tensor, Tensor]:
    """Eight symbols, then as many blanks: say the symbols backward."""
    tokens = torch.randint(8, (rows, length), generator=draw)
    blank = torch.full_like(tokens, 8)
    target = torch.cat([torch.full_like(tokens, IGNORE), tokens.flip(1)], 1)
    return one_hot(torch.cat([tokens, blank], 1), 9).float(), target


@task("places", channels=50, classes=16, chance=1 / 16, updates=300, bar=0.99)
def places(draw: Generator, rows: int, split: str, length: int = 16) -> tuple[Tensor, Tensor]:
    """One symbol sixteen times: the place of each (row-stochastic attention cannot tell)."""
    tokens = torch.randint(50, (rows, 1), generator=draw).expand(rows, length)
    return one_hot(tokens, 50).float(), torch.arange(length).expand(rows, length)


@task("digits", channels=14, classes=10, chance=0.1, updates=300, bar=0.9, batch=64)
def digits(draw: Generator, rows: int, split: str) -> tuple[Tensor, Tensor]:
    """A handwritten digit of 14 x 14 pixels row by row: which one, asked at the last row."""
    images, labels = _mnist()
    low, high = {"train": (0, 7000), "validation": (7000, 8000)}.get(split, (8000, len(labels)))
    at = torch.randint(low, high, (rows,), generator=draw)
    x = images[at]
    target = torch.full(x.shape[:2], IGNORE)
    target[:, -1] = labels[at]
    return x, target


@functools.cache
def _mnist() -> tuple[Tensor, Tensor]:
    """MNIST's 10,000 test images at half their size; the first 7,000 train, 1,000 validate."""
    folder = Path(os.environ.get("GRAPHKIT_DATA", ".")) / "mnist-t10k"
    files = [folder / f"t10k-{n}-ubyte.gz" for n in ("images-idx3", "labels-idx1")]
    if not all(file.is_file() for file in files):
        raise DatasetNotFoundError(
            "mnist-t10k",
            f"there are no files {', '.join(f.name for f in files)} in {folder}",
            fix="Put them into the folder mnist-t10k of GRAPHKIT_DATA, or leave out the task.",
        )
    raw = [bytearray(gzip.decompress(file.read_bytes())) for file in files]
    images = torch.frombuffer(raw[0], dtype=torch.uint8, offset=16).view(-1, 28, 28)
    images = torch.nn.functional.avg_pool2d(images.float() / 255, 2)
    return images, torch.frombuffer(raw[1], dtype=torch.uint8, offset=8).long()
