"""Data sets are tested on the real files where they are at hand, and on small ones always."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from graphkit import TemporalGraph
from graphkit.datasets import load
from graphkit.errors import DatasetNotFoundError


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GRAPHKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def real() -> Callable[..., TemporalGraph]:
    """Loads a published file below GRAPHKIT_DATA, or skips the test."""

    def loader(name: str, **options: object) -> TemporalGraph:
        if not os.environ.get("GRAPHKIT_DATA"):
            pytest.skip("GRAPHKIT_DATA is not set: no folder with the published files")
        try:
            return load(name, download=False, strict=True, **options)
        except DatasetNotFoundError:
            pytest.skip(f"no file of {name} below GRAPHKIT_DATA")

    return loader


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without GRAPHKIT_DATA."""
    monkeypatch.delenv("GRAPHKIT_DATA", raising=False)


def _tar(name: str, text: bytes, mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for member, body in (("folder/README", b"read me"), (f"folder/{name}", text)):
            info = tarfile.TarInfo(member)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def _zip(name: str, text: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("folder/README", b"read me")
        archive.writestr(f"folder/{name}", text)
    return buffer.getvalue()


@pytest.fixture
def pack() -> Callable[[str, str, bytes], bytes]:
    """``pack(kind, name, text)``: the bytes of a file (or of an archive that holds ``name``)."""
    kinds: dict[str, Callable[[str, bytes], bytes]] = {
        "plain": lambda name, text: text,
        "gz": lambda name, text: gzip.compress(text),
        "xz": lambda name, text: lzma.compress(text),
        "bz2": lambda name, text: bz2.compress(text),
        "tar": lambda name, text: _tar(name, text, "w:"),
        "tar.gz": lambda name, text: _tar(name, text, "w:gz"),
        "tar.xz": lambda name, text: _tar(name, text, "w:xz"),
        "tar.bz2": lambda name, text: _tar(name, text, "w:bz2"),
        "zip": _zip,
    }
    return lambda kind, name, text: kinds[kind](name, text)
