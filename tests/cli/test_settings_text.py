"""Settings on a command line: values, what takes them, and what nothing takes."""

from dataclasses import dataclass, field

import pytest

from graphkit.cli import settings_text
from graphkit.cli.settings_text import known_settings, parse, parse_sweep
from graphkit.errors import GraphError, UnknownNameError


@dataclass
class Groups:
    model: dict = field(default_factory=dict)
    fit: dict = field(default_factory=dict)
    task: dict = field(default_factory=dict)


class Model:
    def __init__(self, num_nodes, *, channels=8, readout="sum"):
        pass

    @classmethod
    def from_graph(cls, graph, **options):
        return cls(graph.num_nodes, **options)


class Strict(Model):
    @classmethod
    def from_graph(cls, graph, slots=4):
        return cls(graph.num_nodes)


class Open(Model):
    def __init__(self, num_nodes, **options):
        pass


class OfTask(Model):
    @classmethod
    def from_task(cls, task, *, phase=1, **options):
        return cls.from_graph(task.graph, **options)


class OfTaskAlone:
    def __init__(self, *, width=1):
        pass

    @classmethod
    def from_task(cls, task, depth=2):
        return cls()


def test_values():
    parsed = parse(["lr=1e-3", "a.b=sum", "x=true", "y=None", "z=[1,2]", "path=a=b"])
    assert parsed == {
        "lr": 1e-3,
        "a.b": "sum",
        "x": True,
        "y": None,
        "z": [1, 2],
        "path": "a=b",
    }
    for wrong in ("lr", "=3"):
        with pytest.raises(GraphError, match="key=value"):
            parse([wrong])


def test_what_a_model_takes():
    assert known_settings(Model) == {"channels", "readout"}
    assert known_settings(Strict) == {"slots"}
    assert known_settings(Open) is None
    assert known_settings(OfTask) == {"phase", "channels", "readout"}
    assert known_settings(OfTaskAlone) == {"depth"}


def apply(model, values):
    others = {"nat": {"channels", "readout"}, "tgn": {"memory"}}
    found = Groups()
    settings_text.apply(
        found,
        model,
        values,
        model_names=others[model],
        fit_names={"lr", "epochs"},
        task_names={"val"},
        others=others,
    )
    return found


def test_each_value_finds_its_place():
    values = {"lr": 1, "val": 2, "channels": 3, "nat.readout": 4, "fit.epochs": 5, "memory": 6}
    nat, tgn = apply("nat", values), apply("tgn", values)
    assert nat.fit == tgn.fit == {"lr": 1, "epochs": 5}
    assert nat.task == tgn.task == {"val": 2}
    assert nat.model == {"channels": 3, "readout": 4}
    assert tgn.model == {"memory": 6}


def test_a_setting_of_fit_for_one_model_alone():
    values = {"nat.lr": 3, "lr": 1}
    assert apply("nat", {"lr": 1, "nat.lr": 3}).fit == {"lr": 3}
    assert apply("tgn", values).fit == {"lr": 1}
    with pytest.raises(UnknownNameError, match="val"):
        apply("nat", {"nat.val": 1})  # questions are the same for every model


def test_what_nothing_takes_is_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'channels'"):
        apply("nat", {"chanels": 1})
    with pytest.raises(UnknownNameError, match="Did you mean 'readout'"):
        apply("nat", {"nat.redout": 1})
    with pytest.raises(UnknownNameError, match="--set scope"):
        apply("nat", {"natt.readout": 1})
    with pytest.raises(UnknownNameError, match="setting of fit"):
        apply("nat", {"fit.channels": 1})


def test_a_sweep_splits_at_commas_outside_brackets():
    found = parse_sweep(["num_slots=[16,8],[64,32]", "clock=time,absolute"])
    assert found == {
        "num_slots": {"[16,8]": [16, 8], "[64,32]": [64, 32]},
        "clock": {"time": "time", "absolute": "absolute"},
    }


class Sized(Model):
    @classmethod
    def from_task(cls, task, *, channels=4, **options):
        return cls(task.num_nodes, readout="mean", channels=channels, **options)


class Guessing(Model):
    def __init__(self, num_nodes, hidden, *, channels=8):
        pass

    @classmethod
    def from_graph(cls, graph, **options):
        return cls(graph.num_nodes, **{"hidden": 3, **options})


def test_what_a_maker_gives_itself_cannot_be_set():
    assert known_settings(Sized) == {"channels"}
    assert known_settings(Guessing) == {"hidden", "channels"}


def questions():
    """A small task of every kind whose models take settings from the command line."""
    from graphkit import load, tasks
    from graphkit.data.window_splits import block_folds

    yield tasks.LinkPrediction(load("triadic", num_events=300, num_nodes=40))
    yield tasks.Forecast(load("sensor_ring"))
    yield tasks.WindowClassification(load("eeg_twin"), split=block_folds(3)[0])


def test_every_setting_of_every_model_can_be_given():
    """With its default: what clashes with what the maker gives itself is a TypeError."""
    import inspect

    from graphkit import registry

    tried = 0
    for task in questions():
        for name in registry.names("model", tasks=task.name):
            make = registry.get("model", name)
            found = {}
            for function in (make.__init__, getattr(make, "from_graph", None), make.from_task):
                parameters = inspect.signature(function or (lambda: 0)).parameters.values()
                found |= {p.name: p.default for p in parameters if p.default is not p.empty}
            for key in known_settings(make):
                if key in found:
                    make.from_task(task, **{key: found[key]})
                    tried += 1
    assert tried > 100
