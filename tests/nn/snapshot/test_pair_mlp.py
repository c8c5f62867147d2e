"""The classifier of pairs against the unsplit perceptron."""

import torch

from graphkit.nn.snapshot import PairMLP


def test_split_first_layer_equals_the_perceptron_on_both_ends():
    torch.manual_seed(0)
    head = PairMLP(3, 7, 4)
    h = torch.randn(6, 3)
    src, dst = torch.randint(6, (2, 20))
    want = head.second(torch.relu(head.first(torch.cat([h[src], h[dst]], dim=1))))
    torch.testing.assert_close(head(h, src, dst), want)


def test_margins_of_all_pairs():
    torch.manual_seed(0)
    head = PairMLP(3, 7)
    h = torch.randn(6, 3)
    rows = torch.tensor([4, 0])
    got = head.margins(h)(rows)
    logits = head(h, rows.repeat_interleave(6), torch.arange(6).repeat(2))
    torch.testing.assert_close(got, (logits[:, 1] - logits[:, 0]).view(2, 6).detach())
