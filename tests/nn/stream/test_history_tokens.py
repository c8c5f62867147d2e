from __future__ import annotations

import pytest
import torch

from graphkit.errors import UnknownNameError
from graphkit.nn.stream import HistoryRows, HistoryTokens, Patches, RecentRows, recency_bucket


def some_rows(num_rows=3, size=4):
    draw = torch.Generator().manual_seed(0)
    mask = torch.arange(size) >= torch.tensor([[0], [2], [size]])[:num_rows]
    node = torch.randint(6, (num_rows, size), generator=draw).masked_fill(~mask, -1)
    event_id = torch.randint(9, (num_rows, size), generator=draw).masked_fill(~mask, -1)
    sent = (torch.rand(num_rows, size, generator=draw) < 0.5) & mask
    recent = RecentRows(node, event_id * 10, event_id, mask, sent)
    age = torch.randint(1, 900, (num_rows, size), generator=draw)
    return HistoryRows(torch.arange(num_rows), recent, age, torch.arange(num_rows))


@pytest.mark.parametrize("ages", ["buckets", "cosine", "fixed_cosine"])
def test_equals_sums_by_hand(ages):
    torch.manual_seed(0)
    rows, edge_attr, x = some_rows(), torch.randn(9, 2), torch.randn(6, 3)
    count = torch.randint(0, 9, (3, 5))
    tokens = HistoryTokens(4, 2, 3, ages=ages, time_channels=7, tick=3.0, max_count=5)
    found = tokens(rows, count, edge_attr[rows.recent.event_id], x)
    assert found.shape == (3, 5, 4)
    groups = recency_bucket(rows.age, 3.0) if ages == "buckets" else torch.zeros_like(rows.age)
    for r in range(3):
        for slot in range(5):
            want = tokens.table[tokens.own + 1 + min(int(count[r, slot]), 5)]
            if slot == 4:
                want = want + tokens.table[tokens.own] + tokens.lin_x(x[r])
            elif rows.recent.mask[r, slot]:
                sent = int(rows.recent.sent[r, slot])
                want = want + tokens.table[sent * tokens.num_ages + groups[r, slot]]
                want = want + tokens.lin_edge(edge_attr[rows.recent.event_id[r, slot]])
                want = want + tokens.lin_x(x[rows.recent.node[r, slot]])
                if ages != "buckets":
                    want = want + tokens.lin_time(tokens.time_encoder(rows.age[r, slot]))
            else:
                continue
            torch.testing.assert_close(found[r, slot], want)
    other = tokens.of_other(torch.tensor([0, 5, 70]))
    assert torch.equal(other, tokens.other[torch.tensor([0, 5, 5])])


def test_frequencies_are_trained_or_not():
    trained = [p.requires_grad for p in HistoryTokens(4, ages="cosine").time_encoder.parameters()]
    fixed = [
        p.requires_grad for p in HistoryTokens(4, ages="fixed_cosine").time_encoder.parameters()
    ]
    assert all(trained)
    assert not any(fixed)
    with pytest.raises(UnknownNameError, match="buckets"):
        HistoryTokens(4, ages="bucket")


def test_patches_join_neighbouring_positions_from_the_end():
    patches = Patches(2, 3)
    x = torch.randn(2, 7, 2)
    mask = torch.tensor([[False] * 6 + [True], [True] * 7])
    time = torch.arange(14.0).view(2, 7)
    x[0, 0] = torch.nan  # padding does not matter
    out, valid, when = patches(x, mask, time)
    assert valid.tolist() == [[False, False, True], [True, True, True]]
    assert when.tolist() == [[0, 3, 6], [7, 10, 13]]
    torch.testing.assert_close(out[1, 1], patches.lin(x[1, 1:4].flatten()))
    torch.testing.assert_close(out[1, 0], patches.lin(torch.cat([torch.zeros(4), x[1, 0]])))
    torch.testing.assert_close(out[0, 2], patches.lin(torch.cat([torch.zeros(4), x[0, 6]])))
