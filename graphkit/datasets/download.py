"""One file from the net, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tqdm import tqdm

from graphkit.datasets.files import compression_of
from graphkit.errors import GraphError

__all__ = ["DownloadError", "fetch"]

_CHUNK = 1 << 18
_STALE = 86400.0  # seconds after which an abandoned part may be swept away
_EXPECTED_HEAD = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zip": "zip"}


class DownloadError(GraphError, OSError):
    """A file could not be downloaded.

    Args:
        url: The address.
        problem: Why.
        lasting: Trying again at once is pointless.
    """

    def __init__(self, url: str, problem: str, *, lasting: bool = False) -> None:
        super().__init__("url", f"{url} could not be downloaded: {problem}")
        self.url = url
        self.lasting = lasting

    __str__ = ValueError.__str__


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    timeout: float = 10.0,
    attempts: int = 3,
    backoff: float = 1.0,
    progress: bool = True,
) -> Path:
    """Download a file to ``target``.

    The bytes go to a temporary name in the same folder, which is renamed once everything is
    there and checked: ``target`` is never half a file, whenever the process dies.

    Args:
        url: ``http`` or ``https`` address (certificates are verified).
        target: Where the file goes; its folder is made.
        sha256: Expected hash of the bytes.
        timeout: Seconds to wait for a connection, and for more bytes.
        attempts: How often to try. Refusals that will not change (an unknown host, no route, a
            status of 4xx) are not tried again.
        backoff: Seconds before the second attempt; doubled from one to the next.
        progress: Show a progress bar (on a terminal).

    Raises:
        DownloadError: The host cannot be reached, the status is not 200, fewer bytes than
            announced arrived, or what arrived is a page and not the file.
        GraphError: The hash is not ``sha256``.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        for attempt in range(attempts):
            if attempt:
                time.sleep(backoff * 2 ** (attempt - 1))
            try:
                return _fetch_once(url, target, sha256, timeout, progress)
            except DownloadError as error:
                if error.lasting or attempt == attempts - 1:
                    raise
    except DownloadError:
        raise
    except OSError as error:  # no right to write, no space, a read-only disk
        raise DownloadError(
            url, f"{error}; GRAPHKIT_CACHE may name another folder", lasting=True
        ) from error
    raise GraphError("attempts", "not a number of attempts", expected="at least 1", got=attempts)


def _fetch_once(url: str, target: Path, sha256: str | None, timeout: float, progress: bool) -> Path:
    handle, part = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            digest, head = _receive(url, out, timeout, progress, target.name)
            out.flush()
            os.fsync(out.fileno())
        _check_head(url, target, head)
        if sha256 is not None and digest != sha256:
            raise GraphError(
                target.name,
                f"the file at {url} is not the published one",
                expected=f"sha256 {sha256}",
                got=digest,
                fix="If the official file has changed, put a copy that you trust into "
                f"{target.parent} or GRAPHKIT_DATA: files there are not hashed.",
            )
        os.chmod(part, 0o644)  # mkstemp makes it private
        os.replace(part, target)
        return target
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
        raise


def _receive(
    url: str, out: IO[bytes], timeout: float, progress: bool, name: str
) -> tuple[str, bytes]:
    """Copy the body to a file; its sha256 and first bytes."""
    hasher, head, count = hashlib.sha256(), b"", 0
    with (
        _translated(url),
        urllib.request.urlopen(
            urllib.request.Request(url, headers={"User-Agent": "graphkit"}), timeout=timeout
        ) as response,
    ):
        if response.status != 200:
            raise DownloadError(url, f"status {response.status}", lasting=True)
        announced = response.headers.get("Content-Length")
        total = int(announced) if announced and announced.isdigit() else None
        bar = tqdm(
            total=total,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            desc=name,
            disable=None if progress else True,  # None: off where there is no terminal
        )
        with bar:
            while block := response.read(_CHUNK):
                out.write(block)
                hasher.update(block)
                head = head or block[:512]
                count += len(block)
                bar.update(len(block))
    if total is not None and count != total:
        raise DownloadError(url, f"only {count} of {total} bytes arrived")
    if count == 0:
        raise DownloadError(url, "the file is empty")
    return hasher.hexdigest(), head


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn what urllib raises into :class:`DownloadError`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        lasting = 400 <= error.code < 500 and error.code not in (408, 425, 429)
        raise DownloadError(url, f"status {error.code} {error.reason}", lasting=lasting) from error
    except urllib.error.URLError as error:
        # A refused or reset connection may be a server restarting; no name, no route, no answer
        # or a bad certificate mean that this machine is offline or cut off.
        lasting = not isinstance(error.reason, ConnectionError)
        raise DownloadError(url, str(error.reason), lasting=lasting) from error
    except TimeoutError as error:
        raise DownloadError(url, "no bytes came within the time-out") from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise DownloadError(url, f"the connection broke ({error!r})") from error
    except ValueError as error:  # not an address
        if isinstance(error, GraphError):
            raise
        raise DownloadError(url, str(error), lasting=True) from error


def _check_head(url: str, target: Path, head: bytes) -> None:
    """Refuse a page that a portal or a proxy sent, with status 200, instead of the file."""
    expected = _EXPECTED_HEAD.get(target.suffix)
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")) or (
        expected is not None and compression_of(head) != expected
    ):
        what = expected or "data"
        raise DownloadError(url, f"expected {what}, got {head[:40]!r}", lasting=True)


def _sweep(target: Path) -> None:
    """Remove parts that killed downloads of this file left behind long ago."""
    for part in target.parent.glob(f".{target.name}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE:
                part.unlink()
