"""Open built pages in Chromium at two widths and look for errors and for tables that do not fit.

    python docs/check_pages.py docs/_build [--screens docs/figures/screens] [PAGE ...]

A page fails if it raises a script error, logs an error, asks for anything that is not a local
file, scrolls sideways, or holds a table that is wider than its column. On a narrow screen a table
may be wider if it scrolls by itself. Folded tables are opened before they are measured. Exit code:
0 if all pages pass (or no Chromium is installed, which is said), 1 otherwise.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PAGES = (
    "index.html",
    "tutorials/quickstart.html",
    "api/generated/graphkit.models.stream.html",
    "benchmarks/link_pred.html",
)
WIDTHS = {1280: 1000, 390: 844}  # pixels: width and height of a laptop and of a phone
TIMEOUT = 120  # seconds without an answer of the browser
NARROW = 800  # below this width a table may scroll by itself
SCREENS = ("index.html", "benchmarks/forecast.html")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

MEASURE = """
(() => {
  document.querySelectorAll("article details").forEach(d => { d.open = true; });
  const found = [], width = document.documentElement.clientWidth;
  const name = t => (t.innerText || "").trim().slice(0, 60).replace(/\\s+/g, " ");
  const side = document.scrollingElement.scrollWidth;
  if (side > width + 1) found.push(`the page is ${side} px wide on a screen of ${width} px`);
  for (const table of document.querySelectorAll("article table")) {
    let box = table.parentElement;
    while (!/auto|scroll/.test(getComputedStyle(box).overflowX) && box.tagName !== "ARTICLE")
      box = box.parentElement;
    const has = table.scrollWidth, room = box.clientWidth;
    const edge = box.getBoundingClientRect().right;
    const scrolls = box.tagName !== "ARTICLE";
    if (edge > width + 1)
      found.push(`the column of the table "${name(table)}" ends at ${Math.round(edge)} px`);
    if (has > room + 1 && !(scrolls && width < NARROW))
      found.push(`the table "${name(table)}" is ${has} px wide, its column ${room} px`);
  }
  return found;
})()
""".replace("NARROW", str(NARROW))


class Chromium:
    """A headless Chromium that is driven over its DevTools pipe (file descriptors 3 and 4).

    Args:
        program: Path of the executable.
        profile: An empty folder for its profile.
    """

    def __init__(self, program: str, profile: str) -> None:
        theirs, self._write = os.pipe()
        self._read, answers = os.pipe()
        # Numbers that 3 and 4 cannot overwrite.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs, answers)]
        start = (
            f"import os, sys; os.dup2({ends[0]}, 3); os.dup2({ends[1]}, 4); "
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        command = [
            *(sys.executable, "-c", start, program),
            *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"),
            *("--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"),
            *("--disable-background-networking", f"--user-data-dir={profile}", "about:blank"),
        ]
        self._process = subprocess.Popen(
            command, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for fd in (theirs, answers, *ends):
            os.close(fd)
        self._number = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a DevTools method; events that arrive meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], TIMEOUT)
            data = os.read(self._read, 1 << 16) if ready else b""
            if not data:
                raise RuntimeError("Chromium has ended, or has not answered in time")
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def open(self, url: str, width: int, height: int) -> None:
        """Load a page on a screen of this size and wait until everything in it has loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._receive())

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(f"{done['exceptionDetails']}")
        return done["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """A PNG of what the screen shows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)


def problems(events: list[dict[str, Any]]) -> list[str]:
    """What went wrong while a page loaded, from the events of DevTools."""
    found = []
    for event in events:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            text = details.get("exception", {}).get("description", details.get("text"))
            found.append(f"script error: {text}")
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            found.append(f"error: {params['entry']['text']} {params['entry'].get('url', '')}")
        elif event.get("method") == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                found.append(f"not a local file: {url}")
    return found


def check(browser: Chromium, folder: Path, page: str, width: int) -> list[str]:
    """The problems of one page on a screen of this width."""
    browser.open((folder / page).resolve().as_uri(), width, WIDTHS[width])
    found = problems(browser.events)
    return [*found, *browser.value(MEASURE)]


def main(arguments: list[str] | None = None) -> int:
    """Check the pages; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the folder of the built pages")
    parser.add_argument("pages", nargs="*", help=f"default: {', '.join(PAGES)}")
    parser.add_argument("--screens", type=Path, help="write screenshots of two pages there")
    args = parser.parse_args(arguments)
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print(f"skipped: the pages were not opened, since none of {', '.join(NAMES)} is on PATH")
        return 0
    pages = args.pages or PAGES
    missing = [page for page in pages if not (args.folder / page).is_file()]
    if missing:
        print(f"not in {args.folder}: {', '.join(missing)}")
        return 1
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Chromium(program, profile)
        try:
            for page in pages:
                for width in WIDTHS:
                    found = check(browser, args.folder, page, width)
                    failed += bool(found)
                    print(f"{'FAILED' if found else 'ok':6} {page} at {width} px")
                    for line in found:
                        print(f"       {line}")
            for page in SCREENS if args.screens else ():
                for width, height in WIDTHS.items():
                    browser.open((args.folder / page).resolve().as_uri(), width, height)
                    browser.screenshot(args.screens / f"{Path(page).stem}_{width}.png")
        finally:
            browser.close()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
