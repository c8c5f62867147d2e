"""One case: what is drawn for it, and what counts as its right outcome."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

__all__ = ["REFUSED", "RIGHT", "Case", "Fault", "Kind", "refusal", "refused"]

RIGHT = "right"
REFUSED = "refused"

Kind = Callable[["Case"], str]
"""Runs a case and returns ``RIGHT`` or ``REFUSED``; whatever it raises is a failure."""


class Fault(AssertionError):
    """A wrong answer, an input that was accepted and should not have been, or a raw traceback."""


@dataclass
class Case:
    """One case of a kind; everything about it follows from its first four attributes.

    Attributes:
        name: Class and kind, such as ``"data_in.frames"``.
        seed: Seed of the run.
        number: Number of the case, from 0.
        size: Bound on the size of the input, from 1; a failure is searched for at smaller sizes.
        folder: An empty folder for its files.
        told: Lines that describe the input.
    """

    name: str
    seed: int
    number: int
    size: int
    folder: Path
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.seed}/{self}")
        self.torch = torch.Generator().manual_seed(self.draw.getrandbits(62))

    def __str__(self) -> str:
        return f"{self.name}:{self.number}:{self.size}"

    def tell(self, **values: object) -> None:
        """Add values to the description of the input."""
        self.told += [f"{name}={value!r}" for name, value in values.items()]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.draw.random() < probability

    def integers(self, low: int, high: int, *shape: int) -> torch.Tensor:
        """int64 numbers in ``low..high-1``."""
        return torch.randint(low, high, shape, generator=self.torch)

    def check(self, right: bool, problem: str) -> None:
        """Raise :class:`Fault` unless the condition holds."""
        if not right:
            raise Fault(problem)


def refusal(error: BaseException) -> bool:
    """Whether an error is a refusal by this library, and not a traceback from beneath it.

    A ``GraphError`` is; a ``ValueError`` or a ``TypeError`` is if a line of graphkit raised it.
    """
    from graphkit.errors import GraphError

    if isinstance(error, GraphError):
        return True
    if not isinstance(error, (ValueError, TypeError)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(_package())


@contextmanager
def refused(case: Case, expected: bool, why: str = "the input is not valid") -> Iterator[list[str]]:
    """Around what may refuse: collects the refusal, and lets everything else through.

    Args:
        case: The case.
        expected: Whether the input has to be refused.
        why: The reason, for the message about an input that was accepted.

    Yields:
        A list that holds the message if the input was refused.
    """
    messages: list[str] = []
    try:
        yield messages
    except Exception as error:
        if not refusal(error):
            raise
        messages.append(str(error))
    else:
        case.check(not expected, f"accepted, although {why}")


def _package() -> Path:
    import graphkit

    return Path(graphkit.__file__).parent
