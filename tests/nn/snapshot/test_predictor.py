"""The carried state: in buffers, moved by observe only, the same as one long call."""

import torch

from graphkit.models.snapshot import GCNGRU, EvolveGCNH, EvolveGCNO
from graphkit.nn.snapshot import PairMLP, SnapshotPredictor, as_snapshot, detach_state
from graphkit.testing.snapshot_model import random_snapshots


def predictor(make, carry):
    torch.manual_seed(0)
    return SnapshotPredictor(make(5, 4), PairMLP(4, 3), 11 if carry else None).eval()


def test_carried_equals_one_long_call():
    snapshots = [as_snapshot(s) for s in random_snapshots(6)]
    for make in (EvolveGCNO, EvolveGCNH, GCNGRU):
        model = predictor(make, carry=True)
        want, _ = model.encoder(snapshots, outputs="all")
        for t in range(5):  # two snapshots with gradient, the earlier ones from the state
            out = model(snapshots[t : t + 2])
            torch.testing.assert_close(out, want[t + 1])
            torch.testing.assert_close(model(snapshots[t : t + 2]), out)  # pure
            model.observe(snapshots[t])
        saved = {k: v.clone() for k, v in model.state_dict().items()}
        other = predictor(make, carry=True)
        other.load_state_dict(saved)
        torch.testing.assert_close(other(snapshots[5:]), want[5])
        model.reset_state()
        assert model.state is None
        torch.testing.assert_close(model(snapshots[:1]), want[0])


def test_a_window_begins_afresh():
    snapshots = [as_snapshot(s) for s in random_snapshots(4)]
    model = predictor(EvolveGCNH, carry=False)
    before = model(snapshots)
    model.observe(snapshots[0])
    model.observe(None)
    assert torch.equal(model(snapshots), before)
    assert not dict(model.named_buffers())


def test_detach_state():
    _, state = EvolveGCNO(5, 4, cell="lstm")(random_snapshots(2))
    assert state[0][0].requires_grad
    assert all(not leaf.requires_grad for layer in detach_state(state) for leaf in layer)
