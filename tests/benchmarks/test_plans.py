"""Rows and settings of a command: which models fit, what has the last word, sweeps."""

import pytest

from benchmarks import _plans, _settings
from graphkit import LinkPrediction, renamed
from graphkit.errors import GraphError, UnknownNameError


def test_models_that_fit():
    found = _plans.models_that(["gru", "ha"], "forecasts nothing", tasks="forecast")
    assert list(found) == ["gru", "ha"]
    assert all(make.kind == "forecast" for make in found.values())
    with pytest.raises(GraphError, match=r"'nat' forecasts nothing.*expected .*gru or .*ha") as e:
        _plans.models_that(["gru", "nat"], "forecasts nothing", tasks="forecast")
    assert "nat or" not in str(e.value)
    with pytest.raises(UnknownNameError, match="Did you mean 'gwnet'"):
        _plans.models_that(["gwnt"], "forecasts nothing", tasks="forecast")


def test_sweeps_of_old_names(monkeypatch):
    entry = renamed.Renamed("setting", "model", "old_depth", "depth")
    monkeypatch.setattr(renamed, "TABLE", (entry,))

    def key_for(model, owner, name):
        return name if name == "depth" else ""

    with pytest.warns(DeprecationWarning, match="old_depth.*is called depth now"):
        rows = _plans.sweep_rows(["a"], ["old_depth=1,2"], key_for)
    assert rows == {"a depth=1": ("a", {"depth": 1}), "a depth=2": ("a", {"depth": 2})}


def test_settings_of_fit_are_those_the_command_does_not_give_itself():
    names = _plans.fit_names()
    assert {"epochs", "lr", "batch_size", "device", "threads"} <= names
    assert not names & {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume"}


def test_a_command_without_checkpoints_has_no_cadence():
    assert "checkpoint_every" in _plans.fit_names()
    assert _plans.fit_names() - _plans.fit_names(checkpoints=False) == {"checkpoint_every"}


def test_what_a_stack_cannot_is_trained_one_by_one():
    from graphkit import registry

    dagnn, nat = registry.get("model", "dagnn"), registry.get("model", "nat")
    assert _plans.can_stack(dagnn, _settings.Settings(fit={"lr": 1, "epochs": 3, "threads": 1}))
    assert not _plans.can_stack(nat, _settings.Settings())
    for name in ("clip_norm", "schedule", "precision"):
        assert not _plans.can_stack(dagnn, _settings.Settings(fit={name: 1}))


@pytest.mark.parametrize(
    ("group", "name", "value", "message"),
    [
        ("fit", "epochs", "two", "'epochs': not a whole number.*got 'two'"),
        ("fit", "lr", "fast", "'lr': not a number.*got 'fast'"),
        ("fit", "patience", 1.5, "'patience': not a whole number.*or none; got 1.5"),
        ("task", "candidates", "many", "'candidates': not a whole number"),
        ("task", "num_train_negatives", "many", "'num_train_negatives': not a whole number"),
        ("task", "inductive", 1, "'inductive': not true or false"),
        ("model", "dropout", "yes", "'dropout': not a number"),
    ],
)
def test_values_of_a_wrong_type_are_named(group, name, value, message):
    from graphkit import registry

    found = _settings.Settings()
    names = {"nat": _settings.known_settings(registry.get("model", "nat"))}
    values = {f"{group}.{name}": value}
    with pytest.raises(GraphError, match=message):
        _plans.complete(found, "nat", values, {}, names, LinkPrediction)


def test_the_command_line_has_the_last_word():
    found = _settings.Settings(fit={"lr": 1, "epochs": 9}, model={"dim": 8})
    known = {"nat": {"dim"}, "tgn": {"memory"}}
    values = {"lr": 2, "dim": 4, "memory": 3, "threads": 5, "val": 0.1}
    options = {"epochs": 1, "batch_size": 20, "threads": 2, "device": None, "set": ["unread"]}
    assert _plans.complete(found, "nat", values, options, known, LinkPrediction) is found
    assert found.fit == {"lr": 2, "epochs": 1, "threads": 2, "batch_size": 20}
    assert found.model == {"dim": 4}
    assert found.task == {"val": 0.1}
    with pytest.raises(UnknownNameError, match="Did you mean 'memory'"):
        _plans.complete(found, "tgn", {"tgn.memry": 1}, {}, known, LinkPrediction)


def key_for(model, owner, name):
    """``K`` is a setting of every model but mlp; other names give no row."""
    if name != "K" or owner not in ("", model):
        return None
    return "" if model == "mlp" else f"{model}.K"


def test_a_row_per_value_of_a_sweep():
    models = ["dagnn", "gcn", "mlp"]
    assert _plans.sweep_rows(models, ["K=1,20", "gcn.K=1,[2,3]", "lr=1"], key_for) == {
        "dagnn K=1": ("dagnn", {"dagnn.K": 1}),
        "dagnn K=20": ("dagnn", {"dagnn.K": 20}),
        "gcn K=1": ("gcn", {"gcn.K": 1}),
        "gcn K=20": ("gcn", {"gcn.K": 20}),
        "mlp": ("mlp", {}),
        "gcn K=[2,3]": ("gcn", {"gcn.K": [2, 3]}),
    }
    order = list(_plans.sweep_rows(models, ["K=1,20"], key_for))
    assert order == ["dagnn K=1", "dagnn K=20", "gcn K=1", "gcn K=20", "mlp"]


def test_without_a_sweep_a_row_per_model():
    rows = _plans.sweep_rows(["gcn", "mlp"], [], key_for)
    assert rows == {"gcn": ("gcn", {}), "mlp": ("mlp", {})}
    with pytest.raises(GraphError, match="expected key=a,b,c"):
        _plans.sweep_rows(["gcn"], ["K="], key_for)
