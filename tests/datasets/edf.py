"""A minimal writer of EDF+ files, for twins of recordings."""

from pathlib import Path

import numpy as np


def write_edf(
    path: Path,
    signals: np.ndarray,
    labels: list[str],
    rate: int,
    marks: list[tuple[float, float, str]],
) -> None:
    """Whole microvolts ``[T, N]``, one-second records, marks (onset, duration, text)."""
    steps, channels = signals.shape
    records = steps // rate
    texts = [b"" for _ in range(records)]
    for onset, duration, text in marks:
        entry = f"+{onset:g}\x15{duration:g}\x14{text}\x14\x00".encode()
        texts[min(int(onset), records - 1)] += entry
    texts = [f"+{i}\x14\x14\x00".encode() + t for i, t in enumerate(texts)]
    width = -(-max(map(len, texts)) // 2)  # two-byte samples of the annotation channel
    n = channels + 1

    def column(values: list[str], size: int) -> bytes:
        return b"".join(v.encode().ljust(size) for v in values)

    head = b"".join(
        text.encode().ljust(size)
        for text, size in (
            ("0", 8), ("X X X X", 80), ("Startdate 01-JAN-2009 X X X", 80), ("01.01.09", 8),
            ("10.00.00", 8), (str(256 * (n + 1)), 8), ("EDF+C", 44), (str(records), 8), ("1", 8),
            (str(n), 4),
        )
    )  # fmt: skip
    ends = (-32768, 32767)
    head += column([*labels, "EDF Annotations"], 16) + column([""] * n, 80)
    head += column(["uV"] * channels + [""], 8)
    head += column([str(ends[0])] * channels + ["-1"], 8)
    head += column([str(ends[1])] * channels + ["1"], 8)
    head += column([str(ends[0])] * n, 8) + column([str(ends[1])] * n, 8)
    head += column([""] * n, 80) + column([str(rate)] * channels + [str(width)], 8)
    head += column([""] * n, 32)
    body = b""
    whole = np.round(signals).astype("<i2")
    for i in range(records):
        body += whole[i * rate : (i + 1) * rate].T.tobytes()
        body += texts[i].ljust(2 * width, b"\x00")
    path.write_bytes(head + body)
