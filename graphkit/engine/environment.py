"""Facts about the machine and the process that a result records."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

import torch

__all__ = ["device_name", "peak_rss_mb", "reset_peak_rss", "versions"]

_PACKAGES = ("torch", "torch_geometric", "numpy", "lightning_fabric")


def versions() -> dict[str, str]:
    """Versions of Python, graphkit and the packages that affect the numbers."""
    import graphkit

    found = {"python": platform.python_version(), "graphkit": graphkit.__version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name.replace("_", "-"))
        except metadata.PackageNotFoundError:
            continue
    return found


def device_name(device: torch.device) -> str:
    """``"cpu"``, or the device followed by the name of its GPU."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def peak_rss_mb() -> float | None:
    """Peak memory of this process in MiB since :func:`reset_peak_rss`, or since the start of the
    process where a reset is not possible; ``None`` if the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20 if sys.platform == "darwin" else peak / 2**10, 1)


def reset_peak_rss() -> None:
    """Reset the peak memory, so that the value of a run does not include earlier runs."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:  # not Linux, or not allowed
        pass
