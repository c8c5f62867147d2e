"""A text file that grows, and that a resumed run cuts back to where its checkpoint left it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TextIO

from graphkit.errors import GraphError

__all__ = ["GrowingFile", "cut"]


class GrowingFile:
    """Lines appended to a file; what a logger of files consists of.

    Args:
        path: Its folder is made if needed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: TextIO | None = None

    def open(self, state: dict[str, Any] | None, overwrite: bool) -> bool:
        """Begin the file, or go on where the state says.

        Returns:
            Whether the file is new.

        Raises:
            GraphError: A file with content is there and may not be replaced, or it has lost lines.
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
        """Append lines; other processes see them at once."""
        self._file.write(text)
        self._file.flush()

    def state_dict(self) -> dict[str, Any]:
        """The size of the file, which is on disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return {"size": os.fstat(self._file.fileno()).st_size}

    def close(self) -> None:
        """Close the file if it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def cut(path: Path, size: int) -> None:
    """Remove what was appended to a file after it had a size.

    Raises:
        GraphError: The file is gone, or smaller.
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
