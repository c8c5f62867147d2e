"""A text file for appending, which a resumed run truncates to its size in the checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TextIO

from graphkit.errors import GraphError

__all__ = ["GrowingFile", "cut"]


class GrowingFile:
    """A file to which lines are appended; the basis of file loggers.

    Args:
        path: Path of the file; its folder is created if needed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: TextIO | None = None

    def open(self, state: dict[str, Any] | None, overwrite: bool) -> bool:
        """Create the file, or continue it from the position in the state.

        Returns:
            Whether the file is new.

        Raises:
            GraphError: The file exists with content and must not be replaced, or lines of it are
                missing.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if state is None:
            if not overwrite and self.path.exists() and self.path.stat().st_size:
                raise GraphError(
                    "path",
                    f"{self.path} holds the log of another run",
                    fix="Choose another file, delete this one, or resume its run.",
                )
            self._open("w")
            return True
        cut(self.path, state["size"])
        self._open("a")
        return False

    def _open(self, mode: str) -> None:
        self._file = open(self.path, mode, encoding="utf-8", newline="")  # noqa: SIM115

    def write(self, text: str) -> None:
        """Append lines, which are visible to other processes immediately."""
        self._file.write(text)
        self._file.flush()

    def state_dict(self) -> dict[str, Any]:
        """Return the size of the file, after its content has been written to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return {"size": os.fstat(self._file.fileno()).st_size}

    def close(self) -> None:
        """Close the file if it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def cut(path: Path, size: int) -> None:
    """Truncate a file to a size.

    Raises:
        GraphError: The file does not exist or is smaller.
    """
    found = path.stat().st_size if path.exists() else None
    if found is None or found < size:
        raise GraphError(
            "path",
            f"{path} has lost lines that were there when the checkpoint was written",
            expected=f"{size} bytes or more",
            got="no file" if found is None else f"{found} bytes",
            fix="Put the file back, or start the run again in other folders.",
        )
    os.truncate(path, size)
