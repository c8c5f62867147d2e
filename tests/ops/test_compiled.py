"""When loops are compiled, and what happens where they cannot be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from graphkit.ops import compiled as module
from graphkit.ops.compiled import compiled, use_compiled

numba = pytest.importorskip("numba")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch):
    """Whether numba is there is asked once a process; here it is asked again."""
    module._numba.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    module._numba.cache_clear()


def add(a, b):
    """Adds."""
    return a + b


def test_compiles_once_and_keeps_name_and_docstring(fresh):
    calls = []

    def njit(**options):
        calls.append(options)
        return lambda function: function

    fresh.setenv("GRAPHKIT_COMPILED", "1")
    fresh.setattr(numba, "njit", njit)
    plus = compiled(add)
    assert not calls, "nothing is compiled when a module is imported"
    assert plus(1, 2) == 3
    assert plus(3, 4) == 7
    assert calls == [{"cache": True, "nogil": True}]
    assert (plus.__name__, plus.__doc__) == ("add", "Adds.")


def test_sums_may_be_reordered_but_nothing_else(fresh):
    calls = []
    fresh.setenv("GRAPHKIT_COMPILED", "1")
    fresh.setattr(numba, "njit", lambda **options: calls.append(options) or (lambda f: f))
    assert compiled(reorder_sums=True)(add)(1, 2) == 3
    assert calls[0]["fastmath"] == {"reassoc", "contract", "nsz"}


def test_a_folder_that_cannot_be_written_to(fresh):
    def njit(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    fresh.setattr(numba, "njit", njit)
    assert compiled(add)(1, 2) == 3


def test_really_compiles(fresh):
    fresh.setenv("GRAPHKIT_COMPILED", "1")
    assert compiled(add)(2**40, 1) == 2**40 + 1


CALLER = """
from callee import double, half
from graphkit.ops.compiled import compiled

@compiled
def caller(x):
    return half(double(x)) + 1
"""
CALLEE = """
from graphkit.ops.compiled import compiled

FACTOR = {factor}

@compiled
def inner(x):
    return x * FACTOR

@compiled
def double(x):
    return inner(x)

@compiled{options}
def half(x):
    return x / 2
"""
RUN = """
import caller
print(caller.caller(3.0), sum(caller.caller.build().stats.cache_hits.values()))
"""


def run_caller(folder, factor, options=""):
    (folder / "callee.py").write_text(CALLEE.format(factor=factor, options=options))
    said = subprocess.run(
        [sys.executable, "-c", RUN],
        capture_output=True, text=True, check=True, cwd=folder,
        env={
            **os.environ, "PYTHONPATH": str(Path(module.__file__).parents[2]),
            "PYTHONDONTWRITEBYTECODE": "1", "GRAPHKIT_COMPILED": "1",
        },
    ).stdout.split()  # fmt: skip
    return float(said[0]), int(said[1])


def test_loops_call_one_another_and_no_old_machine_code_of_a_callee_is_used(tmp_path):
    """numba looks at the file of the caller alone, which never changes here."""
    (tmp_path / "caller.py").write_text(CALLER)
    assert run_caller(tmp_path, 2) == (4.0, 0)
    assert run_caller(tmp_path, 2) == (4.0, 1), "kept"
    assert run_caller(tmp_path, 6) == (10.0, 0), "a constant two loops below has changed"
    assert run_caller(tmp_path, 6, "(reorder_sums=True)") == (10.0, 0)
    assert run_caller(tmp_path, 2) == (4.0, 1)
    kept = {path.name.split("-")[0] for path in (tmp_path / "__pycache__").glob("caller.*.nbi")}
    assert len(kept) == 3, "one for each meaning of what it calls"


@compiled
def twice(x):
    return x + x


@compiled
def twice_and_one(x):
    return twice(x) + "c"


def test_loops_call_one_another_without_numba(fresh):
    fresh.setenv("GRAPHKIT_COMPILED", "0")
    assert twice_and_one("ab") == "ababc"


def test_switched_off(fresh):
    fresh.setenv("GRAPHKIT_COMPILED", "0")
    assert not use_compiled(torch.zeros(1))
    assert compiled(add)("plain ", "Python") == "plain Python"


@pytest.mark.parametrize("broken", [None, "raises"])
def test_numba_absent_or_broken(fresh, broken):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "numba":
                raise AttributeError("built for another numpy")

    fresh.delenv("GRAPHKIT_COMPILED", raising=False)
    if broken is None:
        fresh.setitem(sys.modules, "numba", None)
    else:
        fresh.delitem(sys.modules, "numba")
        fresh.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert not use_compiled(torch.zeros(1))
    assert compiled(add)("plain ", "Python") == "plain Python"


def test_tensors_that_loops_can_take(fresh):
    fresh.setenv("GRAPHKIT_COMPILED", "1")
    assert use_compiled()
    assert use_compiled(torch.zeros(1), None, torch.zeros(1, dtype=torch.int32))
    assert use_compiled(torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.uint8))
    assert not use_compiled(torch.zeros(1), torch.zeros(1, device="meta"))
    for dtype in (torch.bfloat16, torch.float16):
        assert not use_compiled(torch.zeros(1, dtype=dtype))


def test_ctrl_c_inside_a_loop_is_a_keyboard_interrupt(fresh):
    """What the interpreter makes of a handler that raised while machine code was running."""
    fresh.setenv("GRAPHKIT_COMPILED", "1")
    fresh.setattr(numba, "njit", lambda **options: lambda f: f)

    def interrupted(a):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise SystemError("<Dispatcher> returned a result with an exception set") from error

    with pytest.raises(KeyboardInterrupt):
        compiled(interrupted)(1)

    def broken(a):
        raise SystemError("something else")

    with pytest.raises(SystemError, match="something else"):
        compiled(broken)(1)


CHILD = """
import numpy as np
from graphkit.ops.compiled import compiled

@compiled
def loop(x, n):
    total = 0.0
    for k in range(n):
        for i in range(len(x)):
            total += x[i] * k
    return total, x[: len(x) // 2]

x = np.ones(1000)
loop(x, 1)
try:
    print("ready", flush=True)
    while True:
        loop(x, 20_000)
except KeyboardInterrupt:
    print("KeyboardInterrupt", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_in_a_running_loop(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        # Children of a shell's background job ignore the signal otherwise.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=100)
    assert (said, child.returncode) == ("KeyboardInterrupt\n", 0)
