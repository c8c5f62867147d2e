"""Settings of models: files, --set, and what nothing takes."""

import json

import pytest

from graphkit import renamed
from graphkit.errors import GraphError, UnknownNameError


@pytest.fixture
def settings():
    from benchmarks import _settings

    return _settings


def test_sections_are_laid_over_each_other(settings, tmp_path):
    path = tmp_path / "nat.json"
    path.write_text(
        json.dumps(
            {
                "default": {"note": "x", "fit": {"lr": 1, "epochs": 3}, "model": {"channels": 8}},
                "enron": {"fit": {"lr": 2}, "published": {"transductive": {"ap": {"value": 1}}}},
            }
        )
    )
    found = settings.read("nat", "enron", tmp_path)
    assert found.fit == {"lr": 2, "epochs": 3}
    assert found.model == {"channels": 8}
    assert found.published["transductive"]["ap"]["value"] == 1
    assert settings.read("nat", "other", tmp_path).fit == {"lr": 1, "epochs": 3}
    assert settings.read("other", "enron", tmp_path) == settings.Settings()
    path.write_text('{"default": {"fitt": {}}}')
    with pytest.raises(UnknownNameError, match="Did you mean 'fit'"):
        settings.read("nat", "enron", tmp_path)
    path.write_text("{")
    with pytest.raises(GraphError, match=r"nat\.json is not JSON"):
        settings.read("nat", "enron", tmp_path)


def test_every_file_in_the_tree_is_sound(settings):
    """``configs/<task>/<model>.json``: of a registered model and of data sets that exist; files of
    one command's own begin with an underscore."""
    from graphkit import registry

    paths = sorted(settings.CONFIGS.rglob("*.json"))
    assert not [path for path in paths if path.parent == settings.CONFIGS]
    assert len(paths) > 35
    for path in paths:
        if path.parent.name == "encoders" or path.stem == "_data":
            continue
        kind = "sequence_encoder" if path.stem in registry.names("sequence_encoder") else "model"
        assert path.stem.startswith("_") or path.stem in registry.names(kind), path
        for values in settings.named(path.stem, path.parent).values():
            assert values.keys() <= settings.known_settings(registry.get("model", path.stem))
        for name in json.loads(path.read_text()):
            if name == "named":
                continue
            assert name == "default" or name in registry.names("dataset"), (path, name)
            found = settings.read(path.stem, name, path.parent)
            for kind, metrics in found.published.items():
                assert kind in ("transductive", "inductive", "public", "random", "published")
                for entry in metrics.values():
                    assert entry["value"] > 0
                    assert kind == "published" or entry["value"] < 1
                    assert len(entry["source"]) > 20


def test_old_names_in_files_and_on_the_command_line(settings, monkeypatch, tmp_path):
    """They forward with a warning, whatever scope they are given with; a name that is in use today
    is left alone."""
    table = (
        renamed.Renamed("setting", "model", "width", "channels"),
        renamed.Renamed("setting", "nat", "slots", "channels"),
        renamed.Renamed("setting", "task", "val", "share"),
    )
    monkeypatch.setattr(renamed, "TABLE", table)
    content = {"default": {"model": {"width": 3}, "task": {"val": 0.2}, "fit": {"width": 1}}}
    (tmp_path / "nat.json").write_text(json.dumps(content))
    with pytest.warns(DeprecationWarning, match="is called") as warned:
        found = settings.read("nat", "enron", tmp_path)
    assert found.model == {"channels": 3}
    assert found.task == {"share": 0.2}
    assert found.fit == {"width": 1}  # of another scope
    assert len(warned) == 2
    known = {"model_names": {"channels"}, "fit_names": {"lr"}, "task_names": {"share"}}
    for given, want in (
        ("width=4", ("model", "channels", 4)),
        ("model.width=5", ("model", "channels", 5)),
        ("nat.slots=6", ("model", "channels", 6)),
        ("task.val=0.5", ("task", "share", 0.5)),
        ("val=0.6", ("task", "share", 0.6)),
    ):
        with pytest.warns(DeprecationWarning, match="is called"):
            settings.apply(found, "nat", settings.parse([given]), **known, others={})
        scope, name, value = want
        assert getattr(found, scope)[name] == value, given
    known["task_names"] = {"val", "share"}  # here the old name is one of today
    settings.apply(found, "nat", {"val": 0.7, "task.val": 0.8}, **known, others={})
    assert found.task["val"] == 0.8
