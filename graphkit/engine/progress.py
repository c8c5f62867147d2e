"""Progress output of a run: one line per epoch, and a progress bar in a terminal."""

from __future__ import annotations

import sys
import time

from torch import Tensor

__all__ = ["Progress"]

_EVERY = 0.3  # seconds between reads of the loss: each read waits for the device


class Progress:
    """A tqdm bar for the current pass and a printed line for each epoch.

    Args:
        name: Name of the run, printed at the start of every line.
        show: Whether to print anything.
    """

    def __init__(self, name: str, show: bool) -> None:
        self.name = name
        self.show = show
        self._bar = None
        self._next = 0.0

    def begin(self, what: str, batches: int, done: int = 0) -> None:
        """Start a pass of ``batches`` batches."""
        self.end()
        if self.show and sys.stderr.isatty():
            from tqdm import tqdm

            text = f"{self.name} {what}"
            self._bar = tqdm(total=batches, initial=done, desc=text, leave=False, unit="batch")
            self._next = time.perf_counter() + _EVERY

    def batch(self, done: int, loss_sum: Tensor | None = None, queries: int = 0) -> None:
        """Report ``done`` finished batches. The loss is read only when the bar is redrawn."""
        if self._bar is None or time.perf_counter() < self._next:
            return
        self._next = time.perf_counter() + _EVERY
        self._bar.n = done
        if loss_sum is not None and queries:
            self._bar.set_postfix_str(f"loss {loss_sum.item() / queries:.4f}", refresh=False)
        self._bar.refresh()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self.show:
            self.end()
            print(f"{self.name}  {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """End the pass."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
