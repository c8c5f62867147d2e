"""Missing readings filled in along time, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit.data.interpolate import interpolate

SERIES = st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=1, max_size=14)


@given(SERIES, st.one_of(st.none(), st.integers(1, 6)))
def test_one_series(values: list[int | None], max_gap: int | None) -> None:
    series = pd.Series(values, dtype=float)
    expected = series.interpolate(limit_direction="both") if series.notna().any() else series
    if max_gap is not None:  # pandas fills the beginning of a long gap: runs are looked at here
        lost = series.isna()
        run = lost.groupby((lost != lost.shift()).cumsum()).transform("sum")
        expected = expected.mask(lost & (run > max_gap))
    mask = torch.from_numpy(series.notna().to_numpy())
    given_values = torch.from_numpy(series.fillna(1e9).to_numpy())  # not read
    found, there = interpolate(given_values.view(1, -1), mask.view(1, -1), max_gap)
    np.testing.assert_allclose(found[0], expected.fillna(0.0), atol=1e-9)
    assert there[0].tolist() == expected.notna().tolist()


def test_every_series_by_itself_and_no_padding() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(5, 9, 3, 2, generator=draw)
    mask = torch.rand(x.shape, generator=draw) < 0.6
    inside = torch.arange(9) < torch.tensor([9, 9, 5, 7, 1]).unsqueeze(1)
    mask &= inside[..., None, None]
    found, there = interpolate(x, mask, 2, inside)
    assert not there[~inside[..., None, None].expand_as(there)].any()
    for b in range(5):
        rows = int(inside[b].sum())
        for n in range(3):
            for c in range(2):
                one = [v[b : b + 1, :rows, n, c] for v in (x, mask)]
                value, seen = interpolate(*one, 2)
                assert torch.equal(found[b, :rows, n, c], value[0])
                assert torch.equal(there[b, :rows, n, c], seen[0])
