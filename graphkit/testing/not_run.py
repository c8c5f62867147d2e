"""Reports checks that cannot run on a machine: they neither pass nor fail."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

__all__ = ["NotRun", "chosen_checks", "needs_compile", "needs_cuda", "run_checks"]


class NotRun(unittest.SkipTest):
    """Raised by a check that cannot run, with the reason. Test runners report it as skipped."""


def needs_cuda() -> None:
    """Stop a check that compares devices if there is no GPU.

    Raises:
        NotRun: There is no CUDA device.
    """
    if not torch.cuda.is_available():
        raise NotRun("no CUDA device to compare with")


def needs_compile() -> None:
    """Stop a check of ``torch.compile`` if it is not supported.

    Raises:
        NotRun: This version of torch does not compile on this version of Python.
    """
    if not torch._dynamo.is_dynamo_supported():
        raise NotRun(f"torch {torch.__version__} does not compile on Python {sys.version[:4]}")


def chosen_checks(
    checks: Mapping[str, Callable[..., None]], only: Iterable[str] | None
) -> dict[str, Callable[..., None]]:
    """Return the checks with the given names; all of them by default."""
    return dict(checks) if only is None else {name: checks[name] for name in only}


def run_checks(checks: Mapping[str, Callable[..., None]], *arguments: Any) -> dict[str, str]:
    """Call each check with the arguments.

    Returns:
        The checks that could not run, with the reason.
    """
    skipped = {}
    for name, check in checks.items():
        try:
            check(*arguments)
        except NotRun as reason:
            skipped[name] = str(reason)
    return skipped
