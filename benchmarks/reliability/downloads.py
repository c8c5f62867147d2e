"""Endless and broken downloads: the whole file or nothing, from a server on this machine."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.reliability._case import REFUSED, RIGHT, Case, Fault
from graphkit.datasets.download import Limits, fetch
from graphkit.errors import GraphError

_MOST = 200_000  # bytes
_PATIENT = Limits(max_bytes=_MOST, max_seconds=120.0, window=120.0)  # a busy machine is no fault
_HURRIED = Limits(max_bytes=_MOST, max_seconds=0.6, min_speed=2000.0, window=0.2)
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_SUFFIXES = (".txt", ".csv", ".csv.gz", ".npz", ".json", ".mat", ".edf")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.over = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has had enough."""


@contextmanager
def _serving(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[_Server]:
    """A server on 127.0.0.1 that gives one answer to every request; no proxy is between."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    kept = {name: os.environ.pop(name) for name in _PROXIES if name in os.environ}
    try:
        yield server
    finally:
        os.environ.update(kept)
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _body(case: Case, suffix: str) -> bytes:
    """A file of its suffix that is what it says."""
    rows = case.draw.randint(60, 60 + 40 * case.size)
    text = "\n".join(f"{i},{case.draw.randrange(99)},{i}" for i in range(rows)).encode()
    if suffix == ".csv.gz":
        return gzip.compress(text + case.draw.randbytes(300))
    if suffix == ".npz":
        return b"PK\x03\x04" + text
    if suffix == ".mat":
        return b"MATLAB 5.0 MAT-file" + text
    if suffix == ".edf":
        return b"0       " + text
    if suffix == ".json":
        return json.dumps({"edges": list(range(rows + 100))}).encode()
    return text


def _fetched(
    case: Case,
    suffix: str,
    expected: bytes | None,
    answer: Callable[[http.server.BaseHTTPRequestHandler], None],
    sha256: str | None = None,
    attempts: int = 1,
    limits: Limits = _PATIENT,
    timeout: float = 60.0,
) -> str:
    """Fetch what the server answers: the expected bytes, or an error and nothing on disk."""
    target = case.folder / f"file{suffix}"
    case.tell(suffix=suffix, sha256=sha256)
    with _serving(answer) as server:
        url = f"http://127.0.0.1:{server.server_port}/file{suffix}"
        options = {"attempts": attempts, "backoff": 0.0, "progress": False, "limits": limits}
        began = time.monotonic()
        try:
            fetch(url, target, sha256=sha256, timeout=timeout, **options)
        except GraphError as error:
            named = str(server.server_port) in str(error) or target.name in str(error)
            left = [path.name for path in case.folder.iterdir()]
            if not named or left:
                raise Fault(f"{error}; left behind: {left}") from error
            case.check(expected is None, f"refused: {error}")
        else:
            case.check(expected is not None, "it was taken")
            case.check(target.read_bytes() == expected, "other bytes")
        spent = time.monotonic() - began
        case.check(spent < 60, f"it took {spent:.1f} s")
    return RIGHT if expected is not None else REFUSED


def _sends(
    body: bytes, *, announced: int | None = None, status: int = 200, kind: str = "text/plain"
) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        if announced is not None:
            handler.send_header("Content-Length", str(announced))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def whole(case: Case) -> str:
    """A file that arrives, with or without its length and its checksum."""
    suffix = case.draw.choice(_SUFFIXES)
    body = _body(case, suffix)
    sha256 = hashlib.sha256(body).hexdigest() if case.chance(0.5) else None
    announced = len(body) if case.chance(0.6) else None
    return _fetched(case, suffix, body, _sends(body, announced=announced), sha256)


def second_attempt(case: Case) -> str:
    """A server that fails once, in any way, and then answers."""
    suffix = case.draw.choice(_SUFFIXES)
    body = _body(case, suffix)
    ways = [_sends(b"", status=503), _sends(body[:50], announced=len(body)), _sends(b"")]
    first, turns = case.draw.choice(ways), iter([True])

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        (first if next(turns, False) else _sends(body, announced=len(body)))(handler)

    return _fetched(case, suffix, body, answer, attempts=2)


def cut(case: Case) -> str:
    """A connection that breaks at any byte: of a body with its length, in chunks, of a header."""
    suffix = case.draw.choice(_SUFFIXES)
    body = _body(case, suffix)
    at = case.draw.randrange(len(body))
    way = case.draw.choice(["length", "chunks", "header", "checksum"])
    case.tell(way=way, at=at, size=len(body))

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if way == "header":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX"[: 5 + at % 40])
            return
        if way == "chunks":
            handler.protocol_version = "HTTP/1.1"
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.wfile.write(b"%x\r\n" % len(body) + body[:at])
            return
        _sends(body[:at], announced=len(body) if way == "length" else None)(handler)

    sha256 = hashlib.sha256(body).hexdigest() if way == "checksum" else None
    return _fetched(case, suffix, None, answer, sha256)


_PAGES: list[tuple[bytes, str]] = [
    (b"<!DOCTYPE html><html><body>Please log in</body></html>", "text/html"),
    (b"\xef\xbb\xbf\n  <HTML><HEAD>moved</HEAD></HTML>", "text/plain"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "application/xml"),
    (b'{"error": "rate limit exceeded"}', "application/json"),
    (b'{"message": "Not Found"}', "application/octet-stream"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n", "text/plain"),
    (b"[" * 3000, "application/json"),
    (b"Not Found", "text/plain"),
    (b"", "text/plain"),
]


def pages(case: Case) -> str:
    """A page, a message or a pointer of Git LFS in place of data, of any length, compressed too."""
    suffix = case.draw.choice(_SUFFIXES)
    page, kind = case.draw.choice(_PAGES)
    if page.lstrip(b"\xef\xbb\xbf \n")[:1] in b"<{" and page and case.chance(0.5):
        page += (b" " if page.startswith(b"{") else b"<p>text</p>\n") * case.draw.randrange(200)
    body = gzip.compress(page) if case.chance(0.3) else page
    case.tell(page=page[:60], length=len(page), kind=kind, compressed=body != page)
    return _fetched(case, suffix, None, _sends(body, announced=len(body), kind=kind))


def other_checksum(case: Case) -> str:
    """A file of which one bit is another one than in the published file."""
    suffix = case.draw.choice(_SUFFIXES)
    body = bytearray(_body(case, suffix))
    sha256 = hashlib.sha256(body).hexdigest()
    body[case.draw.randrange(len(body))] ^= 1 << case.draw.randrange(8)
    return _fetched(case, suffix, None, _sends(bytes(body), announced=len(body)), sha256)


def answers(case: Case) -> str:
    """Status codes, loops of redirects, and answers that are no HTTP."""
    status = case.draw.choice([204, 301, 302, 400, 403, 404, 410, 429, 500, 502, 503])
    lines = [
        b"",
        b"\r\n\r\n",
        b"HTTP/9.9 banana\r\n\r\n",
        b"220 ftp ready\r\n",
        b"\x16\x03\x01\x00",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]
    raw = case.draw.choice([None, None, *lines])
    case.tell(status=status, raw=raw)

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if raw is not None:
            handler.wfile.write(raw)
            return
        handler.send_response(status)
        if status in (301, 302):
            handler.send_header("Location", handler.path)
        handler.end_headers()

    return _fetched(case, case.draw.choice(_SUFFIXES), None, answer)


def endless(case: Case) -> str:
    """A body or a header that never ends, fast, slowly, or in silence; a size that is too large."""
    way = case.draw.choice(["fast", "slow", "silent", "header", "announced"])
    case.tell(way=way)

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        until = time.monotonic() + 90
        if way == "header":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        elif way == "announced":
            return _sends(b"1,2,3\n", announced=10**15)(handler)
        else:
            _sends(b"1,2,3\n" * 100)(handler)
        while time.monotonic() < until and not handler.server.over.is_set():
            if way != "silent":
                handler.wfile.write(b"1,2,3\n" * (10_000 if way == "fast" else 1))
            if way != "fast":
                handler.server.over.wait(0.02 if way != "silent" else 1.0)
        return None

    suffix = case.draw.choice(_SUFFIXES[:2])
    return _fetched(case, suffix, None, answer, limits=_HURRIED, timeout=0.3)


KINDS = {
    "whole": whole,
    "second_attempt": second_attempt,
    "cut": cut,
    "pages": pages,
    "other_checksum": other_checksum,
    "answers": answers,
    "endless": endless,
}
