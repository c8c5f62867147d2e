"""Windows of a signal in recordings: none crosses a border, and each knows where it is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph


def build(lengths: list[int]) -> TemporalGraph:
    recording = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    steps = len(recording)
    signal = torch.arange(steps * 2 * 3).float().view(steps, 2, 3)
    mask = torch.arange(steps * 2 * 3).view(steps, 2, 3) % 7 != 0
    return TemporalGraph([], [], [], signal=signal, signal_mask=mask, signal_recording=recording)


def naive(lengths: list[int], rows: int, stride: int) -> list[tuple[int, int]]:
    """Recording and first row of every window."""
    found, at = [], 0
    for recording, length in enumerate(lengths):
        for j in range(0, length, stride):
            if j + rows <= length:
                found.append((recording, at + j))
        at += length
    return found


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(0, 1),
)
def test_no_window_crosses_a_border(
    lengths: list[int], history: int, horizon: int, stride: int, delay: int
) -> None:
    delay = delay if horizon else 0
    rows = history + horizon + delay
    if sum(lengths) == 0:
        return
    g = build(lengths)
    if max(lengths) < rows:
        with pytest.raises(GraphError, match="too short"):
            g.windows(history, horizon, stride, delay=delay)
        return
    windows = g.windows(history, horizon, stride, delay=delay)
    expected = naive(lengths, rows, stride)
    assert windows.recording.tolist() == [p for p, _ in expected]
    assert windows.start.tolist() == [s for _, s in expected]
    assert len(windows) == len(expected)
    everything, gathered = windows[:], windows[torch.arange(len(windows))]
    backwards = windows[::-1]
    for i, (_, start) in enumerate(expected):
        for w in (
            windows[i],
            type(everything)(*(recording[i] for recording in everything)),
            type(everything)(*(recording[i] for recording in gathered)),
            type(everything)(*(recording[-1 - i] for recording in backwards)),
        ):
            assert torch.equal(w.x, g.signal[start : start + history])
            assert torch.equal(w.x_mask, g.signal_mask[start : start + history])
            assert torch.equal(w.y, g.signal[start + history + delay : start + rows])
            assert torch.equal(w.mask, g.signal_mask[start + history + delay : start + rows])
            assert torch.equal(w.t, g.signal_t[start : start + rows])


def test_slices_within_a_recording_are_views() -> None:
    g = build([10, 3, 10])
    windows = g.windows(3, 1, 2)
    assert windows.recording.tolist() == [0, 0, 0, 0, 2, 2, 2, 2]
    for batch in (windows[0:4], windows[4:8:2], windows[5]):
        assert batch.x.untyped_storage().data_ptr() == g.signal.untyped_storage().data_ptr()
    across = windows[2:6]
    assert across.x.untyped_storage().data_ptr() != g.signal.untyped_storage().data_ptr()
    assert torch.equal(across.t[:, 0], windows.start[2:6])


def test_a_slice_of_the_graph_has_windows_of_what_is_left() -> None:
    g = build([10, 3, 10]).between(7, 20)
    windows = g.windows(3, 0)
    assert windows.recording.tolist() == [0, 1, 2, 2, 2, 2, 2]
    assert windows.start.tolist() == [0, 3, 6, 7, 8, 9, 10]
    assert windows[0].t.tolist() == [7, 8, 9]


def test_memory_does_not_grow_with_the_windows(plain_memory: None) -> None:
    resource = pytest.importorskip("resource")
    recording = torch.arange(20).repeat_interleave(1000)
    g = TemporalGraph(
        [], [], [], signal=torch.zeros(20_000, 50, 10), signal_recording=recording
    )  # 40 MB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    windows = g.windows(100, 100)
    total = sum(len(windows[i : i + 801].x) for i in range(0, len(windows), 801))
    assert total == len(windows) == 20 * 801
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


def test_batches_of_some_windows() -> None:
    windows = build([10, 3, 10]).windows(3, 1)
    chosen = torch.tensor([1, 3, 6, 9, 13])
    batches = list(windows.batches(2, index=chosen))
    assert [len(b.x) for b in batches] == [2, 2, 1]
    assert torch.equal(torch.cat([b.t[:, 0] for b in batches]), windows.start[chosen])
    mixed = [torch.cat([b.t[:, 0] for b in windows.batches(2, index=chosen, shuffle=True, seed=s)])
             for s in (1, 1, 2)]  # fmt: skip
    assert torch.equal(mixed[0], mixed[1])
    assert not torch.equal(mixed[0], mixed[2])
    assert torch.equal(mixed[0].sort().values, windows.start[chosen])
    assert [len(b.x) for b in windows.batches(2, index=chosen, drop_last=True)] == [2, 2]
    assert [len(b.x) for b in windows.batches(4, index=slice(0, 6))] == [4, 2]


def test_covered_rows() -> None:
    windows = build([6, 5]).windows(2, 1, 3)
    assert windows.start.tolist() == [0, 3, 6]
    for chosen in ([0], [2], [0, 2], [1, 1], []):
        rows = torch.zeros(11, dtype=torch.bool)
        for i in chosen:
            rows[windows.start[i] : windows.start[i] + 3] = True
        assert torch.equal(windows.covered(chosen), rows)


def test_without_a_horizon() -> None:
    windows = build([5, 5]).windows(4, 0)
    assert windows[0].y.shape == (0, 2, 3)
    assert windows[:1].y.shape == (1, 0, 2, 3)
    assert windows[[0, 2]].mask.shape == (2, 0, 2, 3)
    assert windows[[0, 2]].t.shape == (2, 4)
    with pytest.raises(GraphError, match="nothing to forecast"):
        build([5, 5]).windows(4, 0, delay=1)
