"""Downloads from a server on this machine: whole files or nothing."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import http.server
import lzma
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import graphkit
from graphkit.datasets import download as room
from graphkit.datasets import load
from graphkit.datasets.download import DownloadError, Limits, fetch
from graphkit.datasets.lookup import locate
from graphkit.datasets.snap import SOURCES
from graphkit.errors import DatasetNotFoundError, GraphError

TEXT = b"".join(b"%d %d %d\n" % (i % 7, i % 11, i) for i in range(40_000))


@dataclass
class Site:
    """What the server answers, one entry per request (the last one again and again)."""

    url: str = ""
    answers: list[str] = field(default_factory=lambda: ["whole"])
    body: bytes = TEXT
    requests: list[str] = field(default_factory=list)
    kind: str = "application/octet-stream"
    sent: int = 0

    def next(self) -> str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def site(monkeypatch):
    """A server on 127.0.0.1, reached without a proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    state = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            state.requests.append(self.path)
            answer = state.next()
            if answer.isdigit():
                self.send_error(int(answer))
                return
            if answer == "endless header":
                with contextlib.suppress(OSError):
                    self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
                    for _ in range(600):
                        self.wfile.write(b"a")
                        time.sleep(0.02)
                return
            self.send_response(200)
            if answer in ("endless", "trickle"):
                self.end_headers()
                with contextlib.suppress(OSError):  # until the client has had enough
                    for _ in range(600):
                        self.wfile.write(b"1 2 3\n" * (20_000 if answer == "endless" else 1))
                        state.sent += 1
                        time.sleep(0 if answer == "endless" else 0.02)
                return
            self.send_header("Content-Type", state.kind)
            if answer == "huge":
                self.send_header("Content-Length", str(10**15))
                self.end_headers()
                return
            body = b"<!DOCTYPE html><p>Please log in</p>" if answer == "page" else state.body
            body = b"" if answer == "empty" else body
            if answer == "cut short, no length":  # chunked, without the last chunk
                self.protocol_version = "HTTP/1.1"
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n" % len(body) + body[: len(body) // 2])
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if answer == "cut short":
                body = body[: len(body) // 2]
            if answer == "slow":
                for start in range(0, len(body), 4096):
                    self.wfile.write(body[start : start + 4096])
                    time.sleep(0.1)
                return
            if answer == "silent":
                self.wfile.write(body[:100])
                self.wfile.flush()
                time.sleep(1.5)
                return
            self.wfile.write(body)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass  # a client that was killed

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/CollegeMsg.txt"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def naps(monkeypatch) -> list[float]:
    """The pauses between attempts, not waited for."""
    pauses: list[float] = []
    monkeypatch.setattr(
        room, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic)
    )
    return pauses


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_whole_file(site, tmp_path):
    target = tmp_path / "new" / "folder" / "a.txt"
    digest = hashlib.sha256(TEXT).hexdigest()
    assert fetch(site.url, target, sha256=digest) == target
    assert target.read_bytes() == TEXT
    assert os.listdir(target.parent) == ["a.txt"]
    assert target.stat().st_mode & 0o777 == 0o644
    assert len(site.requests) == 1


@pytest.mark.parametrize("status", ["404", "403", "410"])
def test_refusals_are_not_tried_again(site, tmp_path, status):
    site.answers = [status]
    with pytest.raises(DownloadError, match=f"status {status}") as caught:
        fetch(site.url, tmp_path / "a.txt")
    assert site.url in str(caught.value)
    assert len(site.requests) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("trouble", ["500", "503", "429", "cut short", "cut short, no length"])
def test_troubles_are_tried_again(site, tmp_path, naps, trouble):
    site.answers = [trouble, trouble, "whole"]
    assert fetch(site.url, tmp_path / "a.txt").read_bytes() == TEXT
    assert len(site.requests) == 3
    assert naps == [1.0, 2.0]
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        ("503", "status 503"),
        ("cut short", f"only {len(TEXT) // 2} of {len(TEXT)} bytes"),
        ("cut short, no length", "connection broke"),
        ("empty", "the file is empty"),
    ],
)
def test_troubles_that_last_leave_nothing(site, tmp_path, naps, trouble, problem):
    site.answers = [trouble]
    with pytest.raises(DownloadError, match=problem):
        fetch(site.url, tmp_path / "a.txt", attempts=4)
    assert len(site.requests) == 4
    assert naps == [1.0, 2.0, 4.0]
    assert os.listdir(tmp_path) == []


def test_silence_ends(site, tmp_path):
    site.answers = ["silent"]
    with pytest.raises(DownloadError, match="time-out"):
        fetch(site.url, tmp_path / "a.txt", timeout=0.2, attempts=1)
    assert os.listdir(tmp_path) == []


def test_checksum_mismatch(site, tmp_path):
    with pytest.raises(GraphError, match="not the published one") as caught:
        fetch(site.url, tmp_path / "a.txt", sha256="0" * 64)
    assert caught.value.got == hashlib.sha256(TEXT).hexdigest()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.csv", "a.txt.gz"])
def test_a_page_instead_of_the_file(site, tmp_path, name):
    site.answers = ["page"]
    with pytest.raises(DownloadError, match="DOCTYPE"):
        fetch(site.url, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_not_the_compression_that_the_name_says(site, tmp_path):
    with pytest.raises(DownloadError, match="expected gzip"):
        fetch(site.url, tmp_path / "a.txt.gz")


def test_nobody_listens(tmp_path, naps, site):
    url = f"http://127.0.0.1:{free_port()}/a"
    with pytest.raises(DownloadError, match="refused"):
        fetch(url, tmp_path / "a.txt")
    assert naps == [1.0, 2.0]


def test_unknown_host_fails_at_once(tmp_path, naps, site, monkeypatch):
    def no_name(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    with pytest.raises(DownloadError, match="Name or service not known"):
        fetch("http://graphkit.invalid/a", tmp_path / "a.txt")
    assert naps == []


def test_not_an_address(tmp_path):
    with pytest.raises(DownloadError, match="nonsense"):
        fetch("nonsense", tmp_path / "a.txt")


def test_folder_that_cannot_be_made(site, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="GRAPHKIT_CACHE"):
        fetch(site.url, tmp_path / "file" / "a.txt")


def test_interrupt_leaves_nothing(site, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "check_arrived", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(site.url, tmp_path / "a.txt")
    assert os.listdir(tmp_path) == []


def test_an_old_file_stays_until_the_new_one_is_whole(site, tmp_path, naps):
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    site.answers = ["cut short"]
    with pytest.raises(DownloadError):
        fetch(site.url, target)
    assert target.read_bytes() == b"old"


def test_killed_download_leaves_no_half_file(site, tmp_path):
    target = tmp_path / "a.txt"
    site.answers = ["slow", "whole"]
    code = (
        "import sys, pathlib; from graphkit.datasets.download import fetch; "
        "fetch(sys.argv[1], pathlib.Path(sys.argv[2]))"
    )
    home = str(Path(graphkit.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", code, site.url, str(target)],
        env={**os.environ, "PYTHONPATH": home},
    )
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob(".*.tmp-a.txt")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not target.exists()
    assert len(list(tmp_path.glob(".*.tmp-a.txt"))) == 1
    assert fetch(site.url, target).read_bytes() == TEXT
    assert os.listdir(tmp_path) == ["a.txt"], "what a killed process left is swept"


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
def test_load_downloads_once_into_the_cache(site, cache, no_data, monkeypatch):
    source = replace(SOURCES[0], urls=(site.url,), file="CollegeMsg.txt", sha256=None)
    path = locate(source)
    assert path == cache / "collegemsg" / "CollegeMsg.txt"
    assert locate(source) == path
    assert len(site.requests) == 1
    assert load("collegemsg", download=False).num_events == 40_000


def test_addresses_are_tried_in_order(site, no_data):
    source = replace(SOURCES[0], urls=(site.url, site.url + "2"), file="a.txt", sha256=None)
    site.answers = ["404", "whole"]
    assert locate(source).read_bytes() == TEXT
    assert [path[-1] for path in site.requests] == ["t", "2"]


def test_wrong_hash_stops_the_load(site, no_data, cache):
    source = replace(SOURCES[0], urls=(site.url,), file="a.txt")
    with pytest.raises(GraphError, match="sha256"):
        locate(source)
    assert os.listdir(cache / "collegemsg") == []


def test_offline_says_what_to_do(no_data, cache, monkeypatch, naps):
    def no_name(*args, **kwargs):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    with pytest.raises(DatasetNotFoundError) as caught:
        load("collegemsg")
    message = str(caught.value)
    assert "name resolution" in message
    assert "Get it from https://snap.stanford.edu/data/CollegeMsg.txt.gz" in message
    assert str(cache / "collegemsg") in message
    assert naps == []


# ------------------------------------------------------------------ limits
def test_an_endless_body_ends(site, tmp_path):
    site.answers = ["endless"]
    with pytest.raises(DownloadError, match=r"does not end, and 300,000 are .*_DOWNLOAD_BYTES"):
        fetch(site.url, tmp_path / "a.txt", limits=Limits(max_bytes=300_000))
    assert len(site.requests) == 1, "trying again is pointless"
    assert site.sent < 200
    assert os.listdir(tmp_path) == []


def test_a_body_that_is_announced_too_large_is_not_begun(site, tmp_path):
    site.answers = ["huge"]
    with pytest.raises(DownloadError, match=r"it has 1,000,000,000,000,000 bytes, and 1,073,741"):
        fetch(site.url, tmp_path / "a.txt")
    assert len(site.requests) == 1


def test_the_largest_size_can_be_raised_and_is_not_lowered(site, tmp_path, monkeypatch):
    limits = Limits(max_bytes=len(TEXT) - 1)
    with pytest.raises(DownloadError, match="the most that are taken"):
        fetch(site.url, tmp_path / "a.txt", limits=limits)
    monkeypatch.setenv("GRAPHKIT_DOWNLOAD_BYTES", "1e6")
    assert fetch(site.url, tmp_path / "a.txt", limits=limits).read_bytes() == TEXT
    monkeypatch.setenv("GRAPHKIT_DOWNLOAD_BYTES", "10")
    assert fetch(site.url, tmp_path / "a.txt").read_bytes() == TEXT
    monkeypatch.setenv("GRAPHKIT_DOWNLOAD_BYTES", "much")
    with pytest.raises(GraphError, match="GRAPHKIT_DOWNLOAD_BYTES': not a number"):
        fetch(site.url, tmp_path / "a.txt")


@pytest.mark.parametrize("answer", ["trickle", "endless header"])
def test_a_download_that_takes_too_long_ends(site, tmp_path, answer):
    """Bytes keep coming, so that no single wait is long."""
    site.answers = [answer]
    with pytest.raises(DownloadError, match=r"more than 0\.5 seconds.*_DOWNLOAD_SECONDS"):
        fetch(site.url, tmp_path / "a.txt", limits=Limits(max_seconds=0.5))
    assert len(site.requests) == 1
    assert os.listdir(tmp_path) == []


def test_a_download_that_is_too_slow_ends(site, tmp_path):
    site.answers = ["trickle"]
    with pytest.raises(DownloadError, match=r"bytes a second came for 0 seconds"):
        fetch(site.url, tmp_path / "a.txt", limits=Limits(min_speed=1e5, window=0.3))
    assert len(site.requests) == 1


# ------------------------------------------------------------------ what is no data
HTML = b"<p>Please log in to the network of this house</p>" * 10
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1\n" % 1 + b" " * 300
PAGES = {
    "html": HTML,
    "html after blanks and a mark": b"\xef\xbb\xbf \r\n" + HTML,
    "html of two bytes a letter": HTML.decode().encode("utf-16"),
    "a comment": b"<!-- nothing -->" + HTML,
    "json": b'{"message": "Not Found", "documentation_url": "https://docs.github.com/%s"}' % TEXT,
    "a list": b'[{"error": 1}]' + b" " * 400,
    "lfs": LFS,
    "short": b"404: Not Found",
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.mat", "a.graph", "a.pkl", "a.txt.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_page_is_no_data(site, tmp_path, page, name, pack):
    site.body = pack(PAGES[page])
    with pytest.raises(DownloadError, match="expected"):
        fetch(site.url, tmp_path / name)
    assert len(site.requests) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "body", [b'{"message": "Not Found"}' + b" " * 300, b"{" + b"x" * 400, b"[" * 4000, HTML]
)
def test_a_message_is_no_json_data(site, tmp_path, body):
    site.body = body
    with pytest.raises(DownloadError, match="expected data"):
        fetch(site.url, tmp_path / "a.json")
    site.body = b'{"edges": [%s]}' % b",".join([b"[1, 2]"] * 90)
    assert fetch(site.url, tmp_path / "a.json").read_bytes() == site.body


def test_what_the_server_calls_a_page_is_one(site, tmp_path):
    site.kind = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="expected data and not text/html"):
        fetch(site.url, tmp_path / "a.txt")
    digest = hashlib.sha256(TEXT).hexdigest()  # a server that is wrong about the right file
    assert fetch(site.url, tmp_path / "a.txt", sha256=digest).read_bytes() == TEXT


@pytest.mark.parametrize("name", ["a.txt", "a.mat", "a.npz", "a.edf", "a.zip"])
def test_data_are_data(site, tmp_path, name):
    beginnings = {
        ".mat": b"MATLAB 5.0",
        ".npz": b"PK\x03\x04",
        ".edf": b"0       ",
        ".zip": b"PK\x03\x04",
    }
    site.body = beginnings.get(Path(name).suffix, b"") + TEXT
    assert fetch(site.url, tmp_path / name).read_bytes() == site.body


# ------------------------------------------------------------------ known files
def test_known_files_are_those_of_registered_sets():
    """Each lies where a loader gets its files, and the copy in the folder of data has its hash."""
    from graphkit import registry
    from graphkit.datasets import metr_la
    from graphkit.datasets.known_files import KNOWN_FILES
    from graphkit.datasets.lookup import accepted_names, find

    loaders = [registry.get("dataset", name) for name in registry.names("dataset")]
    folders = {u.rpartition("/")[0] for f in loaders if hasattr(f, "source") for u in f.source.urls}
    folders.add(metr_la._URL.rstrip("/"))
    assert len(KNOWN_FILES) == 27
    assert {url.rpartition("/")[0] for url in KNOWN_FILES} <= folders
    if not os.environ.get("GRAPHKIT_DATA"):
        pytest.skip("GRAPHKIT_DATA is not set: no folder with the published files")
    for url, (size, digest) in KNOWN_FILES.items():
        parent, name = url.split("/")[-2:]
        there = {"Hangzhou-data-set": "hangzhou-metro/", "NYC-data-set": "nyc-taxi-od/"}
        names = accepted_names([there.get(parent, "") + name])
        path = find(Path(os.environ["GRAPHKIT_DATA"]), names)
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest), url


def test_the_hash_of_a_known_file_is_checked(site, no_data, cache, monkeypatch):
    from graphkit.datasets import lookup

    source = replace(SOURCES[0], urls=(site.url,), file="a.txt", sha256=None)
    monkeypatch.setitem(lookup.KNOWN_FILES, site.url, (len(TEXT), "0" * 64))
    with pytest.raises(GraphError, match="not the published one"):
        locate(source)
    monkeypatch.setitem(lookup.KNOWN_FILES, site.url, (len(TEXT) - 1, "0" * 64))
    with pytest.raises(DatasetNotFoundError, match="the most that are taken"):
        locate(source)
    digest = hashlib.sha256(TEXT).hexdigest()
    monkeypatch.setitem(lookup.KNOWN_FILES, site.url, (len(TEXT), digest))
    assert locate(source).read_bytes() == TEXT
