"""JSON files with checks: a record contains the checksum of its values."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from graphkit.errors import GraphError, MissingFileError

__all__ = ["opened", "read_json", "sealed"]

_KEY = "sha256"
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


def read_json(path: str | Path) -> Any:
    """The value in a JSON file.

    Raises:
        MissingFileError: There is no such file.
        GraphError: The file cannot be read, or is not JSON; the message names the file.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MissingFileError(path) from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise damaged(path, f"it is not JSON: {error}") from error


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """A record of JSON values with their checksum under ``"sha256"``."""
    return {**record, _KEY: _digest(record)}


def opened(record: Any, path: str | Path) -> dict[str, Any]:
    """A record without its checksum.

    Args:
        record: Record returned by :func:`sealed`, or a record without a checksum from an older
            version.
        path: File that contained the record, used in error messages.

    Raises:
        GraphError: The value is not a record, or its checksum does not match.
    """
    if not isinstance(record, dict):
        raise damaged(path, f"it holds a {type(record).__name__}, not a record")
    values = {key: value for key, value in record.items() if key != _KEY}
    if _KEY not in record and any(map(_is_checksum, values.values())):
        raise damaged(path, "its checksum has another name")
    if _KEY in record and record[_KEY] != _digest(values):
        raise damaged(path, "its content is not what was written")
    return values


def damaged(path: str | Path, problem: str) -> GraphError:
    """The error about a file that cannot be used."""
    return GraphError(
        Path(path).name, f"{path} is damaged ({problem})", fix="Delete it, or put a copy back."
    )


def _is_checksum(value: Any) -> bool:
    return isinstance(value, str) and _CHECKSUM.fullmatch(value) is not None


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
