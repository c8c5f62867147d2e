"""One file from the net, whole or not at all, within limits of size, time and speed."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from graphkit.datasets.arrived import check_arrived
from graphkit.errors import GraphError
from graphkit.files import whole_file

__all__ = ["DownloadError", "Limits", "fetch"]

_CHUNK = 1 << 18
_GIB = 1 << 30


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


@dataclass(frozen=True)
class Limits:
    """Where a download ends that never would.

    Args:
        max_bytes: Largest size. The environment variable ``GRAPHKIT_DOWNLOAD_BYTES`` raises it.
        max_seconds: Longest time of all attempts together; ``GRAPHKIT_DOWNLOAD_SECONDS`` raises it.
        min_speed: Fewest bytes per second, on average over ``window``.
        window: Seconds.
    """

    max_bytes: int = _GIB
    max_seconds: float = 7200.0
    min_speed: float = 1024.0
    window: float = 60.0

    def with_environment(self) -> Limits:
        """These limits, raised by the environment.

        Raises:
            GraphError: A variable is no number.
        """
        size = _number("GRAPHKIT_DOWNLOAD_BYTES", self.max_bytes)
        seconds = _number("GRAPHKIT_DOWNLOAD_SECONDS", self.max_seconds)
        return Limits(int(size), seconds, self.min_speed, self.window)


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    timeout: float = 10.0,
    attempts: int = 3,
    backoff: float = 1.0,
    progress: bool = True,
    limits: Limits | None = None,
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
            status of 4xx, a limit) are not tried again.
        backoff: Seconds before the second attempt; doubled from one to the next.
        progress: Show a progress bar (on a terminal).
        limits: Of size, time and speed.

    Raises:
        DownloadError: The host cannot be reached, the status is not 200, fewer bytes than
            announced arrived, a limit is passed, or what arrived is a page and not the file.
        GraphError: The hash is not ``sha256``.
    """
    if attempts < 1:
        raise GraphError(
            "attempts", "not a number of attempts", expected="at least 1", got=attempts
        )
    limits = (limits or Limits()).with_environment()
    deadline = time.monotonic() + limits.max_seconds
    try:
        for attempt in range(attempts):
            if attempt:
                time.sleep(backoff * 2 ** (attempt - 1))
            try:
                return _fetch_once(url, target, sha256, timeout, progress, limits, deadline)
            except DownloadError as error:
                if error.lasting or attempt == attempts - 1:
                    raise
    except DownloadError:
        raise
    except OSError as error:  # no right to write, no space, a read-only disk
        raise DownloadError(
            url, f"{error}; GRAPHKIT_CACHE may name another folder", lasting=True
        ) from error
    raise AssertionError("unreachable")


def _fetch_once(
    url: str,
    target: Path,
    sha256: str | None,
    timeout: float,
    progress: bool,
    limits: Limits,
    deadline: float,
) -> Path:
    with whole_file(target) as part:
        with open(part, "wb") as out:
            digest, kind = _receive(url, out, timeout, progress, target.name, limits, deadline)
        if sha256 is None or digest != sha256:
            problem = check_arrived(part, target.name, kind)
            if problem is not None:
                raise DownloadError(url, problem, lasting=True)
        if sha256 is not None and digest != sha256:
            raise GraphError(
                target.name,
                f"the file at {url} is not the published one",
                expected=f"sha256 {sha256}",
                got=digest,
                fix="If the official file has changed, put a copy that you trust into "
                f"{target.parent} or GRAPHKIT_DATA: files there are not hashed.",
            )
    return target


def _receive(
    url: str,
    out: IO[bytes],
    timeout: float,
    progress: bool,
    name: str,
    limits: Limits,
    deadline: float,
) -> tuple[str, str]:
    """Copy the body to a file; its sha256, and its type as the server calls it."""
    hasher, count = hashlib.sha256(), 0
    with _Watch(url, limits, deadline) as watch, _translated(url, watch):
        request = urllib.request.Request(url, headers={"User-Agent": "graphkit"})
        with watch.opener.open(request, timeout=timeout) as response:
            if response.status != 200:
                raise DownloadError(url, f"status {response.status}", lasting=True)
            announced = response.headers.get("Content-Length")
            total = int(announced) if announced and announced.isdigit() else None
            if total is not None and total > limits.max_bytes:
                raise _too_large(url, f"it has {total:,} bytes", limits)
            bar = tqdm(
                total=total,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                desc=name,
                disable=None if progress else True,  # None: off where there is no terminal
            )
            with bar:
                # What has come, and no waiting until a block is full: a limit of time is noticed.
                while block := response.read1(_CHUNK):
                    count += len(block)
                    if count > limits.max_bytes:
                        raise _too_large(url, "it does not end", limits)
                    out.write(block)
                    hasher.update(block)
                    bar.update(len(block))
                    watch.check(count)
            watch.check(count)
    if total is not None and count != total:
        raise DownloadError(url, f"only {count} of {total} bytes arrived")
    if count == 0:
        raise DownloadError(url, "the file is empty")
    return hasher.hexdigest(), response.headers.get_content_type()


def _too_large(url: str, what: str, limits: Limits) -> DownloadError:
    return DownloadError(
        url,
        f"{what}, and {limits.max_bytes:,} are the most that are taken; set "
        "GRAPHKIT_DOWNLOAD_BYTES to a larger number if that is right",
        lasting=True,
    )


class _Watch:
    """Ends a download when its time is over, also one that hangs in a header line."""

    def __init__(self, url: str, limits: Limits, deadline: float) -> None:
        self._url, self._limits, self._deadline = url, limits, deadline
        self._sockets: list[socket.socket] = []
        self._since, self._counted = time.monotonic(), 0
        self._over = threading.Event()
        self._timer = threading.Timer(max(0.0, deadline - self._since), self._end)
        self._timer.daemon = True
        self.opener = urllib.request.build_opener(_Http(self.add), _Https(self.add))

    def __enter__(self) -> _Watch:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def add(self, connection: socket.socket) -> None:
        """List a connection that is to be ended with the time."""
        self._sockets.append(connection)
        if self._over.is_set():
            self._end()

    def _end(self) -> None:
        self._over.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def check(self, count: int) -> None:
        """Raise if the time is over or the bytes came too slowly."""
        self.check_time()
        now = time.monotonic()
        spent = now - self._since
        if spent < self._limits.window:
            return
        speed = (count - self._counted) / spent
        if speed < self._limits.min_speed:
            raise DownloadError(
                self._url,
                f"only {speed:,.0f} bytes a second came for {spent:.0f} seconds",
                lasting=True,
            )
        self._since, self._counted = now, count

    def check_time(self) -> None:
        """Raise if the time is over."""
        if self._over.is_set() or time.monotonic() > self._deadline:
            raise DownloadError(
                self._url,
                f"it took more than {self._limits.max_seconds:g} seconds; set "
                "GRAPHKIT_DOWNLOAD_SECONDS to a larger number to wait longer",
                lasting=True,
            )


class _Http(urllib.request.HTTPHandler):
    """Opens connections whose sockets are listed."""

    def __init__(self, add: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._kind = _listed(http.client.HTTPConnection, add)

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._kind, request)


class _Https(urllib.request.HTTPSHandler):
    """As :class:`_Http`, with certificates verified."""

    def __init__(self, add: Callable[[socket.socket], None]) -> None:
        self._verified = ssl.create_default_context()
        super().__init__(context=self._verified)
        self._kind = _listed(http.client.HTTPSConnection, add)

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._kind, request, context=self._verified)


def _listed(kind: type, add: Callable[[socket.socket], None]) -> type:
    """A connection that passes its socket on, before and after it is encrypted."""

    class Listed(kind):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            create = self._create_connection

            def connection(*args: Any, **options: Any) -> socket.socket:
                made = create(*args, **options)
                add(made)
                return made

            self._create_connection = connection

        def connect(self) -> None:
            super().connect()
            add(self.sock)

    return Listed


@contextlib.contextmanager
def _translated(url: str, watch: _Watch) -> Iterator[None]:
    """Turn what urllib raises into :class:`DownloadError`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        lasting = 400 <= error.code < 500 and error.code not in (408, 425, 429)
        raise DownloadError(url, f"status {error.code} {error.reason}", lasting=lasting) from error
    except urllib.error.URLError as error:
        watch.check_time()
        # A refused or reset connection may be a server restarting; no name, no route, no answer
        # or a bad certificate mean that this machine is offline or cut off.
        lasting = not isinstance(error.reason, ConnectionError)
        raise DownloadError(url, str(error.reason), lasting=lasting) from error
    except TimeoutError as error:
        watch.check_time()
        raise DownloadError(url, "no bytes came within the time-out") from error
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        watch.check_time()
        raise DownloadError(url, f"the connection broke ({error!r})") from error
    except ValueError as error:  # not an address
        if isinstance(error, GraphError):
            raise
        raise DownloadError(url, str(error), lasting=True) from error


def _number(variable: str, least: float) -> float:
    text = os.environ.get(variable, "").strip()
    if not text:
        return least
    try:
        return max(least, float(text))
    except ValueError:
        raise GraphError(variable, "not a number", expected="such as 8e9", got=repr(text)) from None
