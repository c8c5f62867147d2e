"""What the speed benchmark of HiSTN compares computes the same thing."""

import torch

from benchmarks.speed import histn as speed
from benchmarks.speed._plain_histn import PlainHiSTN
from graphkit.models.signal.histn import HiSTN


def as_plain(model: HiSTN) -> PlainHiSTN:
    """The plain model with the weights of ours."""
    plain = PlainHiSTN().eval()
    with torch.no_grad():
        plain.conv.weight.copy_(model.filters.view(8, 1, -1, 1))
        plain.mixing.copy_(model.mixing_norm(model.mixing))
        plain.taps.weight.copy_(model.taps_norm(model.taps).unsqueeze(1))
        rows = model.node_filter.weight.split(3)
        point = model.pointwise.matrix()
        for r, part in enumerate(plain.partition):
            plain.messages[r].weight.copy_(rows[r])
            plain.depth[r].weight.copy_(model.node_taps[part].unsqueeze(1))
            plain.point[r].weight.copy_(point[part][:, part].T)
        plain.between.weight.copy_(model.region_filter.weight)
        pairs = ("fuse_x", "fuse_x"), ("fuse_z", "fuse_z"), ("whole_x", "collapse_x")
        for theirs, ours in (*pairs, ("whole_z", "collapse_z")):
            fusion = getattr(model, ours)
            matrix = fusion.attention.matrix()
            for part, lin in zip(getattr(plain, theirs).partition, getattr(plain, theirs).lins):
                lin.weight.copy_(matrix[part][:, part].T)
                lin.bias.copy_(fusion.bias[part])
        plain.lin.weight.copy_(model.weight)
        plain.lin.bias.copy_(model.bias)
    return plain


def test_the_plain_model_is_the_same_model():
    model = HiSTN().eval()
    plain = as_plain(model)
    assert sum(p.numel() for p in plain.parameters()) == 1181
    x = torch.randn(3, 128, 14, 1)
    torch.testing.assert_close(plain(x), model(x), atol=1e-5, rtol=1e-4)


def test_rows():
    rows = speed.run(quick=True)
    assert rows[0]["name"].startswith("HiSTN")
    assert all(r["ours_s"] > 0 for r in rows)
    assert rows[0]["target"] == ">= 10x"
