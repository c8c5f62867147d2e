"""The classifier of clips: padding, encoders by name and as modules, errors."""

import pytest
import torch

from graphkit.encoders.sequence import GRU
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.signal import SequenceClassifier


@pytest.mark.parametrize("encoder", ["gru", "skeleton_cnn", "paragru", "tcnca"])
@pytest.mark.parametrize("features", ["raw", "skeleton"])
def test_padding_does_not_change_an_answer(encoder, features):
    torch.manual_seed(0)
    small = {"widths": (4,)} if encoder == "skeleton_cnn" else {}
    model = SequenceClassifier(
        3, 5, 2, encoder, hidden_channels=8, features=features, encoder_settings=small
    )
    model.double().eval()
    lengths = [8, 19, 11, 14, 9, 17]
    there = torch.arange(19) < torch.tensor(lengths).unsqueeze(1)
    mask = there.view(6, 19, 1, 1).expand(-1, -1, 5, 2)
    x = torch.randn(6, 19, 5, 2, dtype=torch.float64)
    together = model(x, None, mask)
    for row, n in enumerate(lengths):
        alone = model(x[row : row + 1, :n])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-10)


def test_encoder_as_a_module():
    model = SequenceClassifier(3, 5, 2, encoder=GRU(8), hidden_channels=8)
    assert model(torch.randn(2, 6, 5, 2)).shape == (2, 3)
    with pytest.raises(TypeError, match="made already"):
        SequenceClassifier(3, 5, 2, encoder=GRU(8), encoder_settings={"dropout": 0.1})
    with pytest.raises(GraphError, match="not a batch of clips"):
        model(torch.randn(2, 6, 4, 2))
    with pytest.raises(UnknownNameError, match="skeleton"):
        SequenceClassifier(3, 5, 2, features="skeletons")
