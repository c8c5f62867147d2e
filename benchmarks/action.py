"""Actions from skeletons: accuracy of sequence encoders on whole clips."""

from __future__ import annotations

import argparse
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import _command

if TYPE_CHECKING:
    from graphkit import TemporalGraph
    from graphkit.engine import Result

_DEFAULTS = {
    "encoder": "skeleton_cnn,gru,bigru,paragru,transformer",
    "data": "jhmdb",
    "seeds": "0,1,2",
    "set": [],
}
_MODEL = "sequence_classifier"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py action``. None has a default here: see which were given."""
    encoders = f"sequence encoders (default: {_DEFAULTS['encoder']})"
    parser.add_argument("--encoder", "--model", help=encoders)
    _command.add_shared(
        parser,
        _DEFAULTS,
        ["data", "seeds", "epochs", "device", "threads", "set", "json", "resume"],
        data=f"data set of labelled recordings (default: {_DEFAULTS['data']})",
        set="a setting of fit, of the task, of the model or, after its name, of an encoder: "
        "lr=0.01, features=raw, skeleton_cnn.kernel_size=5",
    )


def run(args: argparse.Namespace) -> int:
    """Train with every encoder and seed, print the table, say where the files are."""
    from graphkit import load

    job = _command.open_job(args, args.data or _DEFAULTS["data"])
    options = {**_DEFAULTS, **job.arguments}
    names, seeds = _command.names(options["encoder"], "--encoder"), _command.seeds(options["seeds"])
    plans = {name: _settings_of(name, names, options) for name in names}
    graph = load(options["data"])
    results = (
        _train(name, seed, graph, settings)
        for name, settings in plans.items()
        for seed in job.waiting(name, seeds)
    )
    report = functools.partial(_command.print_results, job, args.json)
    return _command.train(args, job, results, report, len(plans) * len(seeds))


def _settings_of(encoder: str, names: list[str], options: dict[str, Any]) -> Any:
    """Settings for one encoder: those of the classifier, then the encoder's own. Checks names."""
    from benchmarks import _plans, _settings
    from graphkit import registry
    from graphkit.tasks import RecordingClassification
    from graphkit.typed import check_values

    found = _settings.read(_MODEL, options["data"])
    own = _settings.read(f"action/{encoder}", options["data"])
    for part in ("model", "fit", "task"):
        getattr(found, part).update(getattr(own, part))
    inner = dict(found.model.get("encoder_settings") or {})
    known = {n: _options(registry.get("sequence_encoder", n)) for n in names}
    values = _settings.parse(options["set"])
    for key in [k for k in values if k.partition(".")[0] in known and "." in k]:
        owner, _, name = key.partition(".")
        _settings.apply(
            _settings.Settings(), owner, {key: values[key]},
            model_names=known[owner], fit_names=set(), task_names=set(), others=known,
        )  # fmt: skip
        value = values.pop(key)
        if owner == encoder:
            inner[name] = value
    model_names = _options(registry.get("model", _MODEL)) - {"encoder", "encoder_settings"}
    _plans.complete(
        found,
        _MODEL,
        values,
        options,
        {_MODEL: model_names},
        RecordingClassification,
        without={"split", "seed"},
        fit_settings=_plans.fit_names(checkpoints=False),
    )
    inner = check_values(inner, [registry.get("sequence_encoder", encoder)], text=True)
    found.model["encoder_settings"] = inner
    return found


def _options(make: Any) -> set[str] | None:
    """What a class takes beside sizes; ``None`` for anything."""
    parameters = inspect.signature(make).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.default is not p.empty} - {"out_channels"}


def _train(encoder: str, seed: int, graph: TemporalGraph, settings: Any) -> Result:
    from benchmarks._job import sign
    from graphkit import registry, seed_everything
    from graphkit.engine import fit
    from graphkit.tasks import RecordingClassification

    task = RecordingClassification(graph, seed=seed, **settings.task)
    seed_everything(seed)
    kind = registry.get("model", _MODEL)
    model = kind.from_task(task, encoder=encoder, **settings.model)
    fitting = {"threads": 1, "progress": False, **settings.fit}
    result = fit(model, task, seed=seed, name=encoder, **fitting)
    sign(result, settings)
    accuracy = result.metrics["test"]["accuracy"]
    print(f"{encoder}, seed {seed}: test accuracy {accuracy:.4f}", file=sys.stderr, flush=True)
    return result
