"""The plain pipeline gives the model's own scores; and the benchmark beside it runs."""

import pytest
import torch

from graphkit import load
from graphkit.engine.result import table


@pytest.mark.parametrize("name", ["mixer", "DyGFormer-like"])
def test_the_plain_pipeline_gives_the_same_scores(name):
    from benchmarks.speed.history import SETTINGS, Ours, Plain

    graph = load("triadic", num_events=400, num_nodes=40)
    settings = {**SETTINGS[name], "hidden_channels": 8, "length": 7}
    ours, plain = Ours(graph, **settings), Plain(graph, **settings)
    for runner in (ours, plain):
        runner.model.eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for batch in ours.chunk(400):
            negative = torch.randint(40, (len(batch), 2), generator=generator)
            torch.testing.assert_close(
                ours.judge(batch, negative), plain.judge(batch, negative), rtol=1e-4, atol=1e-5
            )


def test_rows(monkeypatch):
    from benchmarks.speed import HEAD, cells, history

    graph = load("triadic", num_events=3_500, num_nodes=100)
    monkeypatch.setattr(history, "stream", lambda quick: graph)
    monkeypatch.setitem(history.SETTINGS["DyGFormer-like"], "length", 4)
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    rows = history.run(quick=True, threads=1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before)
    for row in rows:
        assert {"name", "ours_s", "baseline_s", "ratio", "target", "unit", "note"} == row.keys()
        assert row["ratio"] == pytest.approx(row["baseline_s"] / row["ours_s"])
    assert [row["target"] for row in rows] == [">= 3x", None, None, None, None]
    assert table(HEAD, [cells(row) for row in rows])
