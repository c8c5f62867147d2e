"""What a run says while it runs: one line per epoch, and a bar where somebody watches."""

from __future__ import annotations

import sys
import time

from torch import Tensor

__all__ = ["Progress"]

_EVERY = 0.3  # seconds between looks at the loss: each look waits for the device


class Progress:
    """A tqdm bar for the pass that is under way and a printed line for each epoch.

    Args:
        name: What runs, in front of every line.
        show: Whether to say anything.
    """

    def __init__(self, name: str, show: bool) -> None:
        self.name = name
        self.show = show
        self._bar = None
        self._next = 0.0

    def begin(self, what: str, batches: int, done: int = 0) -> None:
        """A pass of so many batches begins."""
        self.end()
        if self.show and sys.stderr.isatty():
            from tqdm import tqdm

            text = f"{self.name} {what}"
            self._bar = tqdm(total=batches, initial=done, desc=text, leave=False, unit="batch")
            self._next = time.perf_counter() + _EVERY

    def batch(self, done: int, loss_sum: Tensor | None = None, queries: int = 0) -> None:
        """So many batches are done. Looks at the loss only when the bar is due to be drawn."""
        if self._bar is None or time.perf_counter() < self._next:
            return
        self._next = time.perf_counter() + _EVERY
        self._bar.n = done
        if loss_sum is not None and queries:
            self._bar.set_postfix_str(f"loss {loss_sum.item() / queries:.4f}", refresh=False)
        self._bar.refresh()

    def say(self, text: str) -> None:
        """Print a line; the bar makes room."""
        if self.show:
            self.end()
            print(f"{self.name}  {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """The pass is over."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
