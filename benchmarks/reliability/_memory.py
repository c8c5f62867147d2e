"""Memory of this process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path

from graphkit.engine.environment import reset_peak_rss

__all__ = ["held_bytes", "now_bytes", "num_open_files", "peak_bytes", "reset_peak"]

_STATUS = Path("/proc/self/status")
_FILES = Path("/proc/self/fd")


def held_bytes() -> int:
    """Memory that is held now, after what is free has been given back; 0 where nobody counts it."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not with every C library
        ctypes.CDLL(None).malloc_trim(0)
    return now_bytes()


def now_bytes() -> int:
    """Memory that is held now; 0 where nobody counts it."""
    return _status("VmRSS")


def reset_peak() -> None:
    """Begin to measure the peak anew."""
    reset_peak_rss()


def peak_bytes() -> int:
    """The most that was held since :func:`reset_peak`; 0 where nobody counts it."""
    return _status("VmHWM") if _STATUS.exists() else 0


def num_open_files() -> int:
    """Files and connections that are open; 0 where nobody counts them."""
    return len(list(_FILES.iterdir())) if _FILES.exists() else 0


def _status(key: str) -> int:
    if not _STATUS.exists():
        return 0
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return 0
