"""Checks of single arguments: a choice, a count, a share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from graphkit.errors import GraphError, UnknownNameError

__all__ = ["check_choice", "check_count", "check_share"]

T = TypeVar("T")


def check_choice(value: T, name: str, choices: Iterable[Any]) -> T:
    """Check that a value is one of a few choices, and return it unchanged.

    Args:
        value: The value.
        name: Name of the argument, used in the message.
        choices: Allowed values.

    Raises:
        UnknownNameError: ``value`` is not among the choices. The message lists them, and names the
            closest ones.
    """
    choices = tuple(choices)
    if not any(value is choice or _same(value, choice) for choice in choices):
        raise UnknownNameError(name, value, (str(choice) for choice in choices))
    return value


def check_count(value: Any, name: str, problem: str = "not a count", *, at_least: int = 1) -> int:
    """Check that a value is a whole number, and return it as an int.

    Args:
        value: An integer of any type, or a float without a fraction.
        name: Name of the argument, used in the message.
        problem: What the message says of another value.
        at_least: Smallest allowed value.

    Raises:
        GraphError: ``value`` is not a whole number, or is smaller.
    """
    try:
        count = int(value)
        whole = not isinstance(value, (bool, np.bool_, str, bytes)) and bool(count == value)
        fits = whole and count >= at_least
    except (TypeError, ValueError, OverflowError, RuntimeError):
        fits = False
    if not fits:
        expected = "an integer > 0" if at_least == 1 else f"an integer >= {at_least}"
        raise GraphError(name, problem, expected=expected, got=repr(value))
    return count


def check_share(
    value: Any,
    name: str,
    problem: str = "not a share",
    *,
    zero: bool = True,
    one: bool = False,
) -> float:
    """Check that a value is a number between 0 and 1, and return it as a float.

    Args:
        value: The number to check.
        name: Name of the argument, used in the message.
        problem: What the message says of another value.
        zero: Whether 0 is allowed.
        one: Whether 1 is allowed.

    Raises:
        GraphError: ``value`` is not such a number.
    """
    try:
        share = float(value)
        fits = not isinstance(value, (bool, np.bool_, str, bytes)) and math.isfinite(share)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        fits = False
    if fits:
        above = share >= 0 if zero else share > 0
        below = share <= 1 if one else share < 1
        fits = above and below
    if not fits:
        expected = f"0 {'<=' if zero else '<'} {name} {'<=' if one else '<'} 1"
        raise GraphError(name, problem, expected=expected, got=repr(value))
    return share


def _same(value: Any, choice: Any) -> bool:
    """Equality that is false, and not an array, for values of other types."""
    return isinstance(value, type(choice)) and bool(value == choice)
