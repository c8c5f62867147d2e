"""Loops compiled on first use, where numba is installed; the torch paths stand in where it is not.

Some steps of a stream model are short loops over small integers. As tensor operations they cost a
dozen launches each; as a compiled loop, a few microseconds. Each such loop lives beside the tensor
code that says the same thing, which serves GPUs and installations without the extra ``fast``, and
tests hold the two together. Set ``GRAPHKIT_COMPILED=0`` to switch the loops off.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from numbers import Number
from types import FunctionType
from typing import Any

import torch

__all__ = ["compiled", "use_compiled"]

_TYPES = {torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool}


@functools.cache
def _numba() -> Any | None:
    if os.environ.get("GRAPHKIT_COMPILED", "1") == "0":
        return None
    try:
        import numba
    except Exception:  # absent, or built for another numpy: the torch path is always there
        return None
    return numba


def use_compiled(*tensors: torch.Tensor | None) -> bool:
    """Whether compiled loops can take these tensors: on the CPU, of a type that they know.

    Always false where numba is absent or switched off, and while torch traces a graph of operations
    (``torch.compile``, ``torch.export``), which loops cannot be part of.
    """
    if torch.compiler.is_compiling():
        return False
    return _numba() is not None and all(
        t is None or (t.device.type == "cpu" and t.dtype in _TYPES) for t in tensors
    )


def compiled(
    function: Callable[..., Any] | None = None, *, reorder_sums: bool = False
) -> Callable[..., Any]:
    """Decorator: compile on first call and keep the machine code on disk for the next process.

    Without numba, or with ``GRAPHKIT_COMPILED=0``, the function runs as plain Python (slowly):
    callers ask :func:`use_compiled` first. Ctrl-C while it runs is a ``KeyboardInterrupt``.

    A loop may call another one that it names as a global of its module, ``absorb(h, x)`` and not
    ``loops.absorb(h, x)``. A change of the other one, in whatever file, compiles both anew.

    Args:
        function: The loop; its arguments are positional.
        reorder_sums: Float sums may be added up in another order, so that several terms go at
            once. NaN and infinity stay what they are.
    """
    if function is None:
        return functools.partial(compiled, reorder_sums=reorder_sums)
    options = {"fastmath": {"reassoc", "contract", "nsz"}} if reorder_sums else {}

    @functools.cache
    def build() -> Callable[..., Any]:
        numba = _numba()
        if numba is None:
            return function
        linked = _linked(function)
        try:
            return numba.njit(cache=True, nogil=True, **options)(linked)
        except RuntimeError:  # no folder to keep it in
            return numba.njit(nogil=True, **options)(linked)

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        try:
            return build()(*args)
        except SystemError as error:
            if _interrupted(error):
                raise KeyboardInterrupt from error
            raise

    call.build = build  # type: ignore[attr-defined]
    call.options = options  # type: ignore[attr-defined]
    return call


def _linked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loop with the machine code of the loops that it calls in place of their wrappers.

    numba keeps machine code until the file of the loop itself changes, and what a loop calls is
    part of its machine code. So the name under which it is kept says what the callees do.
    """
    callees = _callees(function)
    if not callees:
        return function
    scope = {**function.__globals__, **{name: loop.build() for name, loop in callees.items()}}
    linked = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    linked.__module__, linked.__doc__ = function.__module__, function.__doc__
    digest = hashlib.sha256(repr([_meaning(loop) for loop in callees.values()]).encode())
    linked.__qualname__ = f"{function.__qualname__}_{digest.hexdigest()[:12]}"
    return linked


def _callees(function: Callable[..., Any]) -> dict[str, Any]:
    """The compiled loops that a function names, in the order of their names."""
    known = {name: function.__globals__.get(name) for name in sorted(function.__code__.co_names)}
    return {name: value for name, value in known.items() if hasattr(value, "build")}


def _meaning(loop: Any) -> tuple[Any, ...]:
    """All that the machine code of a loop depends on: its code, constants, options and callees."""
    function = loop.__wrapped__
    code, scope = function.__code__, function.__globals__
    numbers = {n: scope[n] for n in code.co_names if isinstance(scope.get(n), Number)}
    below = [_meaning(callee) for callee in _callees(function).values()]
    said = (code.co_code, code.co_consts, code.co_names, code.co_varnames)
    return *said, sorted(numbers.items()), str(loop.options), below


def _interrupted(error: BaseException) -> bool:
    """Whether an error stands for Ctrl-C.

    Python calls the handler of the signal as soon as machine code calls Python again. If that code
    then returns a result all the same, the interpreter raises a SystemError caused by what the
    handler raised.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
