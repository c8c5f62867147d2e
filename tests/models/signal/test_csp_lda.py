"""CSP and LDA against scipy's eigenvectors and scikit-learn's discriminant."""

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from graphkit.errors import GraphError
from graphkit.models.signal.csp_lda import CSPLDA


def trials(classes, n=120, nodes=8, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    mixing = torch.eye(nodes) + 0.4 * torch.randn(classes, nodes, nodes, generator=g)
    return (torch.randn(n, 60, nodes, generator=g) @ mixing[y]).unsqueeze(-1), y


def test_two_classes_against_scipy_and_scikit_learn():
    x, y = trials(2)
    model = CSPLDA(2, 8, num_filters=4, shrinkage=0.1, lda_shrinkage=0.2).fit(x[:80], y[:80])
    cov = np.stack([np.cov(w.squeeze(-1).double().numpy().T, bias=True) for w in x])
    cov /= np.trace(cov, axis1=1, axis2=2)[:, None, None]
    mean = []
    for k in (1, 0):
        c = cov[:80][y[:80].numpy() == k].mean(0)
        mean.append(0.9 * c + 0.1 * np.trace(c) / 8 * np.eye(8))
    _, vectors = scipy.linalg.eigh(mean[0], mean[0] + mean[1])
    w = vectors[:, [-1, 0, -2, 1]].T
    z = np.log(np.einsum("fi,bij,fj->bf", w, cov, w))
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit(z[:80], y[:80].numpy())
    scores = model(x)
    expected = lda.decision_function(z[80:])
    # scikit-learn shrinks each class's scatter before it pools them; the amount is the same here.
    np.testing.assert_allclose((scores[80:, 1] - scores[80:, 0]).numpy(), expected, rtol=0.05)
    assert float((scores[80:].argmax(1) == y[80:]).float().mean()) > 0.9


@pytest.mark.parametrize("classes", [3, 4])
def test_more_classes(classes):
    x, y = trials(classes, n=160)
    model = CSPLDA(classes, 8).fit(x[:120], y[:120])
    assert float((model(x[120:]).argmax(1) == y[120:]).float().mean()) > 0.9


def test_volume_and_offset_of_a_window_do_not_matter():
    x, y = trials(2)
    model = CSPLDA(2, 8).fit(x, y)
    torch.testing.assert_close(model(7 * x + 3), model(x), atol=1e-3, rtol=1e-3)


def test_state_dict_round_trip():
    x, y = trials(2)
    model, other = CSPLDA(2, 8).fit(x, y), CSPLDA(2, 8)
    with pytest.raises(GraphError, match="not fitted"):
        other(x)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))


def test_refuses():
    x, y = trials(2)
    with pytest.raises(GraphError, match="one class"):
        CSPLDA(2, 8).fit(x, 0 * y)
    with pytest.raises(GraphError, match="two classes"):
        CSPLDA(1, 8)
