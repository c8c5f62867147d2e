"""Windows against plain slices of the signal, and that they copy nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph


def build(steps: int = 20, **more: Any) -> TemporalGraph:
    signal = torch.arange(steps * 3 * 4).float().view(steps, 3, 4)
    mask = torch.arange(steps * 3 * 4).view(steps, 3, 4) % 5 != 0
    options = {"signal_t": torch.arange(steps) * 10, "signal_mask": mask} | more
    return TemporalGraph([0, 1, 2], [1, 2, 0], [0, 55, 90], signal=signal, **options)


@given(
    st.integers(1, 25),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from([None, 0, [1], [1, 3], [0, 1], [3, 0], [-1], slice(1, 3)]),
)
def test_every_window(
    steps: int, history: int, horizon: int, stride: int, delay: int, channels: Any
) -> None:
    g = build(steps)
    rows = history + delay + horizon
    if steps < rows:
        with pytest.raises(GraphError, match=f"at least history \\+ delay \\+ horizon = {rows}"):
            g.windows(history, horizon, stride=stride, delay=delay)
        return
    windows = g.windows(history, horizon, stride=stride, delay=delay, target_channels=channels)
    starts = [s for s in range(0, steps, stride) if s + rows <= steps]
    assert len(windows) == len(starts)
    chosen = [channels] if isinstance(channels, int) else channels
    chosen = slice(None) if chosen is None else chosen
    everything = windows[:]
    gathered = windows[torch.arange(len(windows))]
    for i, start in enumerate(starts):
        future = slice(start + history + delay, start + rows)
        for window in (windows[i], [part[i] for part in everything], [p[i] for p in gathered]):
            x, y, mask, t, x_mask = window
            assert torch.equal(x, g.signal[start : start + history])
            assert torch.equal(y, g.signal[future][..., chosen])
            assert torch.equal(mask, g.signal_mask[future][..., chosen])
            assert torch.equal(t, g.signal_t[start : start + rows])
            assert torch.equal(x_mask, g.signal_mask[start : start + history])


def test_views_copy_nothing() -> None:
    g = build()
    windows = g.windows(4, 2, stride=3, delay=1, target_channels=[1, 3])
    batch = windows[1:3]
    row = g.signal.stride(0) * g.signal.element_size()
    for part in (*windows[1][:2], *batch[:2]):
        assert part.untyped_storage().data_ptr() == g.signal.untyped_storage().data_ptr()
    assert windows[1].x.data_ptr() == g.signal.data_ptr() + 3 * row
    assert batch.x.shape == (2, 4, 3, 4)
    assert batch.y.shape == (2, 2, 3, 2)
    assert batch.t.untyped_storage().data_ptr() == g.signal_t.untyped_storage().data_ptr()
    whole = g.windows(4, 2)[:]
    assert whole.x.untyped_storage().data_ptr() == g.signal.untyped_storage().data_ptr()


def test_memory_is_that_of_the_signal(plain_memory: None) -> None:
    resource = pytest.importorskip("resource")
    g = TemporalGraph([0], [1], [0], signal=torch.zeros(20_000, 50, 10))  # 40 MB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    windows = g.windows(100, 100)
    batch = windows[:]  # as copies: 100 times the signal twice, 8 GB
    taken = windows[torch.tensor([3, 7])]
    assert batch.x.shape == (19_801, 100, 50, 10)
    assert taken.x.shape == (2, 100, 50, 10)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000  # kB


def test_indices() -> None:
    windows = build().windows(3, 2)
    assert len(windows) == 16
    assert torch.equal(windows[-1].x, windows[15].x)
    assert torch.equal(windows[torch.tensor(2)].x, windows[2].x)
    assert torch.equal(windows[[0, -1, 0]].x, torch.stack([windows[i].x for i in (0, 15, 0)]))
    assert torch.equal(windows[[0, 5]].x, windows[torch.tensor([0, 5])].x)
    assert torch.equal(windows[::-1].t[:, 0], windows[:].t[:, 0].flip(0))
    assert torch.equal(windows[2:14:3].t, windows[[2, 5, 8, 11]].t)
    chosen = torch.arange(16) % 4 == 0
    assert torch.equal(windows[chosen].y, windows[::4].y)
    assert len(windows[5:5].x) == len(windows[9:5].x) == len(windows[[]].x) == 0
    assert windows[[]].y.shape == (0, 2, 3, 4)
    assert windows[[1, 2]].x_mask.shape == (2, 3, 3, 4)
    assert len(list(windows)) == 16
    for wrong in (16, -17, [3, 16], torch.tensor([-17])):
        with pytest.raises(IndexError, match="of 16 windows"):
            windows[wrong]
    for strange in ([0.5], [[1, 2]], torch.ones(3, dtype=torch.bool)):
        with pytest.raises(GraphError, match="whole numbers"):
            windows[strange]


def test_without_a_mask_every_reading_is_valid() -> None:
    g = build(signal_mask=None)
    window = g.windows(3, 2)[0]
    assert bool(window.mask.all())
    assert window.mask.shape == window.y.shape
    assert window.mask.untyped_storage().nbytes() == 1
    half = build(signal_mask=torch.arange(60).view(20, 3) % 2 == 0)
    assert half.windows(3, 2)[0].mask.shape == (2, 3, 4)
    assert torch.equal(half.windows(3, 2)[[0]].mask[0], half.windows(3, 2)[0].mask)


def test_missing_readings_are_masked() -> None:
    signal = torch.ones(6, 2, 1)
    signal[3, 1] = torch.nan
    window = TemporalGraph([0], [1], [0], signal=signal).windows(3, 3)[0]
    assert window.mask[..., 0].tolist() == [[True, False], [True, True], [True, True]]
    assert window.y[0, 1, 0] == 0


def test_batches() -> None:
    windows = build().windows(3, 2)
    sizes = [len(batch.x) for batch in windows.batches(5)]
    assert sizes == [5, 5, 5, 1]
    assert [len(batch.x) for batch in windows.batches(5, drop_last=True)] == [5, 5, 5]
    together = torch.cat([batch.t for batch in windows.batches(5)])
    assert torch.equal(together, windows[:].t)
    mixed = [torch.cat([b.t for b in windows.batches(5, shuffle=True, seed=s)]) for s in (0, 0, 1)]
    assert torch.equal(mixed[0], mixed[1])
    assert not torch.equal(mixed[0], mixed[2])
    assert torch.equal(mixed[0][mixed[0][:, 0].argsort()], together)
    assert [len(b.x) for b in windows.batches(5, shuffle=True, drop_last=True)] == [5, 5, 5]
    with pytest.raises(GraphError, match="'size'"):
        windows.batches(0)


def test_events_of_the_history() -> None:
    windows = build().windows(6, 2)
    assert windows.events(0).t.tolist() == [0]
    assert windows.events(5).t.tolist() == [55, 90]
    assert windows.events(-1).t.tolist() == []
    floats = TemporalGraph([0, 1], [1, 0], [0.5, 2.0], signal=torch.zeros(6, 2, 1),
                           signal_t=torch.arange(6).double())  # fmt: skip
    assert floats.windows(3, 1).events(0).t.tolist() == [0.5, 2.0]


def test_a_slice_has_its_own_windows() -> None:
    g = build()
    part = g.between(50, 150)
    windows = part.windows(3, 2)
    assert len(windows) == 6
    assert windows[0].t.tolist() == [50, 60, 70, 80, 90]
    assert windows[0].x.data_ptr() == g.signal[5:].data_ptr()


def test_to_another_device() -> None:
    window = build().windows(3, 2)[0].to("meta")
    assert all(part.is_meta for part in window)


def test_on_cuda(cuda: torch.device) -> None:
    here, there = build().windows(3, 2), build().to(cuda).windows(3, 2)
    for index in (0, slice(1, 9, 2), [4, 2]):
        for a, b in zip(here[index], there[index]):
            assert b.is_cuda
            assert torch.equal(a, b.cpu())


def test_repr() -> None:
    text = repr(build().windows(3, 2, delay=1, target_channels=0))
    assert text == (
        "Windows(15 windows of 20 rows, history=3, horizon=2, stride=1, delay=1, "
        "x=[3, 3, 4], y=[2, 3, 1])"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"history": 0}, "'history'"),
        ({"history": 2.5}, "'history'"),
        ({"horizon": -1}, "'horizon'"),
        ({"horizon": True}, "'horizon'"),
        ({"stride": 0}, "'stride'"),
        ({"delay": -1}, "'delay'"),
        ({"target_channels": 4}, "0 to 3"),
        ({"target_channels": [0, -5]}, "row 1"),
        ({"target_channels": []}, "no channel"),
    ],
)
def test_what_is_refused(options: dict, words: str) -> None:
    options = {"history": 3, "horizon": 2} | options
    with pytest.raises(GraphError) as error:
        build().windows(**options)
    assert words in str(error.value)


def test_a_graph_without_a_signal() -> None:
    with pytest.raises(GraphError, match="no signal") as error:
        TemporalGraph([0], [1], [0]).windows(3, 2)
    assert "signal=[T, N, C]" in str(error.value)
