"""The folder of a fitted model: one JSON file that names the files of tensors beside it.

``predictor.json`` holds every plain value with a checksum of all and, for each file of tensors, its
name, size and checksum. A file of tensors is named after its content and never changed; saving
again writes new files, then replaces ``predictor.json`` by a rename, then deletes what that no
longer names. Whoever is killed in between leaves the old state or the new one, whole. Nothing is
pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError, MissingFileError
from graphkit.files import held, sweep_folder, write_atomically, write_text
from graphkit.json_record import opened, sealed

__all__ = ["SCHEMA", "check_target", "read_folder", "write_folder"]

SCHEMA = "graphkit.predictor/1"
_INDEX = "predictor.json"
_SUFFIX = ".safetensors"
_OURS = re.compile(r"[a-z]+-[0-9a-f]{16}\.safetensors")  # names of files of tensors


def write_folder(
    folder: str | Path, facts: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]]
) -> Path:
    """Write plain values and groups of tensors; atomic.

    Args:
        folder: Made if needed. One that holds other things is refused.
        facts: Values that JSON holds.
        tensors: For each group (one file) its tensors by name.

    Raises:
        GraphError: ``folder`` is a file, holds something else than a saved predictor, or cannot be
            written to.
    """
    folder = Path(folder)
    check_target(folder)
    with held(folder, wait=True):  # of two writers at once, one would delete the other's files
        _write(folder, facts, tensors)
    return folder


def _write(
    folder: Path, facts: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]]
) -> None:
    from safetensors.torch import save

    import graphkit

    files = {}
    for group, values in tensors.items():
        data = save({name: _own(value) for name, value in values.items()})
        digest = hashlib.sha256(data).hexdigest()
        name = f"{group}-{digest[:16]}{_SUFFIX}"
        if not (folder / name).exists() or (folder / name).stat().st_size != len(data):
            write_atomically(folder / name, lambda file, data=data: file.write(data))
        files[group] = {"file": name, "bytes": len(data), "sha256": digest}
    index = {
        "schema": SCHEMA,
        "graphkit": graphkit.__version__,
        "torch": torch.__version__,
        **facts,
        "files": files,
    }
    write_text(folder / _INDEX, json.dumps(sealed(index), indent=1, allow_nan=False) + "\n")
    named = {file["file"] for file in files.values()}
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in named:
            path.unlink(missing_ok=True)
    sweep_folder(folder)


def read_folder(folder: str | Path) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
    """Read what :func:`write_folder` wrote, after checking every file.

    Returns:
        The plain values, and the groups of tensors.

    Raises:
        MissingFileError: There is no such folder.
        GraphError: It is incomplete or damaged, is no saved predictor, or was written by another
            major version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        if folder.exists():
            raise GraphError(
                "folder", f"'{folder}' is a file", expected="the folder that Predictor.save wrote"
            )
        raise MissingFileError(folder)
    path = folder / _INDEX
    if not path.is_file():
        raise GraphError(
            "folder",
            f"'{folder}' holds no {_INDEX}",
            expected="a folder that Predictor.save has finished writing",
            fix="Save the predictor again.",
        )
    facts = _read_index(path)
    _check_version(facts, path)
    groups = {}
    for group, told in facts["files"].items():
        groups[group] = _read_tensors(folder, told)
    return facts, groups


def check_target(folder: str | Path) -> None:
    """Refuse a place where a predictor cannot be saved.

    Raises:
        GraphError: ``folder`` is a file, holds something else than a saved predictor, or lies where
            nothing can be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise GraphError("folder", f"'{folder}' is a file", fix="Name a folder.")
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise GraphError(
            "folder",
            f"'{folder}' cannot be made: "
            + (
                f"nothing can be written in '{there}'"
                if there.is_dir()
                else f"'{there}' is no folder"
            ),
            fix="Name a folder elsewhere.",
        )
    if not folder.is_dir():
        return
    others = [
        path.name
        for path in folder.iterdir()
        if path.name != _INDEX and not _OURS.fullmatch(path.name) and not _is_hidden(path)
    ]
    if others:
        raise GraphError(
            "folder",
            f"'{folder}' holds other things",
            expected="a new or empty folder, or one with a saved predictor",
            got=", ".join(sorted(others)[:3]),
        )


def _is_hidden(path: Path) -> bool:
    """Whether a file belongs to a writer under way, or to one that was killed."""
    return path.name.startswith(".") and ".tmp-" in path.name


def _own(value: Tensor) -> Tensor:
    """Memory of its own: the format has no place for views of one storage."""
    return value.detach().cpu().clone(memory_format=torch.contiguous_format)


def _read_index(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        got = facts.get("schema") if isinstance(facts, dict) else type(facts).__name__
        raise GraphError("folder", f"'{path}' is of another kind", expected=SCHEMA, got=got)
    try:
        facts = opened(facts, path)
    except GraphError as error:
        raise _damaged(path, "its content is not what was written") from error
    files = facts.get("files")
    whole = isinstance(files, dict) and all(
        isinstance(told, dict) and {"file", "bytes", "sha256"} <= set(told)
        for told in files.values()
    )
    if not whole or not isinstance(facts.get("graphkit"), str):
        raise _damaged(path, "it does not list its files")
    return facts


def _check_version(facts: dict[str, Any], path: Path) -> None:
    import graphkit

    then, now = facts["graphkit"], graphkit.__version__
    if then.partition(".")[0] != now.partition(".")[0]:
        raise GraphError(
            "graphkit",
            f"'{path}' was written by another major version",
            expected=f"{now.partition('.')[0]}.x, this is {now}",
            got=then,
            fix=f"Open it with graphkit {then}.",
        )
    if then != now:
        warnings.warn(
            f"'{path}' was written by graphkit {then}, this is {now}: scores may differ",
            stacklevel=5,
        )


def _read_tensors(folder: Path, told: dict[str, Any]) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    if Path(str(told["file"])).name != told["file"]:
        raise _damaged(folder / _INDEX, f"it names a file elsewhere: {told['file']}")
    path = folder / told["file"]
    if not path.is_file():
        raise GraphError(
            "folder", f"'{path}' is missing", fix="Copy the whole folder, or save it again."
        )
    data = path.read_bytes()
    if len(data) != told["bytes"] or hashlib.sha256(data).hexdigest() != told["sha256"]:
        raise _damaged(path, "its content is not what was written")
    try:
        return load(data)
    except SafetensorError as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, problem: str) -> GraphError:
    return GraphError("folder", f"'{path}' is damaged ({problem})", fix="Save the predictor again.")
