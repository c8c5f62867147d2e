"""Temporal link prediction: train and test stream models, measured beside published numbers."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import _command

if TYPE_CHECKING:
    from benchmarks._job import Job
    from benchmarks._plans import Row
    from graphkit import TemporalGraph
    from graphkit.engine import Result

_DEFAULTS = {
    "model": "nat,tgn,edgebank",
    "seeds": "0",
    "negatives": "random",
    "inductive": False,
    "candidates": 100,
    "set": [],
    "sweep": [],
}
_FALLBACK = "triadic"
_PREFERRED = "collegemsg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py link_pred``. None has a default here: see which were given."""
    add = parser.add_argument
    add_shared = functools.partial(_command.add_shared, parser, _DEFAULTS)
    data = f"data set (default: {_PREFERRED} if at hand, else generated {_FALLBACK})"
    add_shared(["model", "data", "epochs", "seeds"], data=data)
    add(
        "--negatives",
        choices=["random", "historical", "inductive"],
        help="negatives of training, validation and test (default: random)",
    )
    add("--inductive", action="store_true", default=None, help="hold nodes out, test on them")
    add("--candidates", type=int, help="random candidates for MRR; 0: no MRR (default: 100)")
    add("--batch-size", type=int, help="events per batch (default: 100)")
    add_shared(
        ["device", "threads", "set", "sweep"],
        set="a setting of fit, of the task or of the model: lr=1e-3, nat.readout=sum",
        sweep="also train with each of these values in turn, every other setting as it is",
    )
    add(
        "--encoder",
        metavar="A,B,C",
        help="a row for each of these sequence encoders, of models that take one (history)",
    )
    add(
        "--named",
        metavar="A,B",
        help="also a row for each of these named settings of a model's file: graphmixer,dygformer",
    )
    add_shared(["json", "plot", "resume"], plot="write the curves here")


def run(args: argparse.Namespace) -> int:
    """Train every model with every seed, print the table, say where the files are."""
    job = _command.open_job(args, args.data or "default")
    options = {**_DEFAULTS, **job.arguments}
    models, seeds = _command.names(options["model"], "--model"), _command.seeds(options["seeds"])
    plans = _plan(models, options)
    graph, note = _graph(options.get("data"), job.arguments.get("resolved"))
    job.arguments["resolved"] = graph.name  # a run that goes on stays with its data
    results = (
        _train(model, label, seed, graph, plan(graph.name), options, job)
        for label, (model, plan) in plans.items()
        for seed in job.waiting(label, seeds)
    )
    report = functools.partial(_report, job, note, args)
    code = _command.train(args, job, results, report, len(plans) * len(seeds))
    if code == 0:
        _leave()
    return code


def _plan(models: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """For each row of the table its model, and its settings as a function of the data set's name.

    Checks every name.
    """
    from benchmarks import _plans, _settings
    from graphkit import LinkPrediction
    from graphkit.errors import UnknownNameError

    makers = _plans.models_that(models, "does not read a stream of events", tasks="link_prediction")
    known = {name: _settings.known_settings(make) for name, make in makers.items()}
    values = _settings.parse(options["set"])
    fit_names = _plans.fit_names()

    def settings(model: str, changes: dict[str, Any], dataset: str) -> _settings.Settings:
        found = _settings.read(model, dataset)
        return _plans.complete(found, model, {**values, **changes}, options, known, LinkPrediction)

    def key_for(model: str, owner: str, name: str) -> str | None:
        takes = known[model] is None or name in known[model] | fit_names
        return f"{model}.{name}" if owner in ("", model) and takes else None

    rows: dict[str, Row] = {model: (model, {}) for model in models}
    if options.get("encoder"):
        rows = _encoder_rows(models, known, _command.names(options["encoder"], "--encoder"))
    for name in _command.names(options["named"], "--named") if options.get("named") else ():
        found = {model: _settings.named(model) for model in models}
        if not any(name in settings for settings in found.values()):
            every = [n for settings in found.values() for n in settings]
            raise UnknownNameError("named settings", name, every)
        for model in models:
            if name in found[model]:
                changes = {f"{model}.{key}": value for key, value in found[model][name].items()}
                rows[f"{model} {name}"] = (model, changes)
    if options["sweep"]:
        rows |= _plans.sweep_rows(models, options["sweep"], key_for)
    plans = {}
    for label, (model, changes) in rows.items():
        settings(model, changes, options.get("data") or _PREFERRED)  # wrong: an error now
        plans[label] = (model, functools.partial(settings, model, changes))
    return plans


def _encoder_rows(
    models: list[str], known: dict[str, set[str] | None], encoders: list[str]
) -> dict[str, Row]:
    """A row per encoder for the models that take one, and one row for the others."""
    from graphkit import GraphError, registry

    for encoder in encoders:
        registry.get("sequence_encoder", encoder)  # a wrong name: an error now
    takers = [model for model in models if known[model] is None or "encoder" in known[model]]
    if not takers:
        raise GraphError(
            "--encoder",
            f"{', '.join(models)} has no sequence encoder",
            fix="Add --model history.",
        )
    found: dict[str, Row] = {}
    for model in models:
        if model in takers:
            for name in encoders:  # with its own defaults: settings belong to one encoder
                change = {f"{model}.encoder": name, f"{model}.encoder_settings": {}}
                found[f"{model} encoder={name}"] = (model, change)
        else:
            found[model] = (model, {})
    return found


def _train(
    model: str,
    label: str,
    seed: int,
    graph: TemporalGraph,
    settings: Any,
    options: dict[str, Any],
    job: Job,
) -> Result:
    from benchmarks._job import sign
    from graphkit import LinkPrediction, fit, registry, seed_everything

    task = LinkPrediction(
        graph,
        **{
            "negatives": options["negatives"],
            "eval_negatives": ("random", "historical", "inductive"),
            "candidates": options["candidates"],
            "inductive": options["inductive"],
            **settings.task,
        },
    )
    seed_everything(seed)
    built = registry.get("model", model).from_graph(graph, **settings.model)
    threads = 1  # a batch is small: more threads wait for each other more than they compute
    result = fit(
        built,
        task,
        **{"threads": threads, **settings.fit},
        seed=seed,
        checkpoint_dir=job.checkpoints(label, seed),
        resume=True,
        name=label,
    )
    sign(result, settings)
    kind = "inductive" if options["inductive"] else "transductive"
    protocol = result.protocol
    as_published = protocol["negatives"]["test"] == "random" and protocol["split"].startswith(
        "70%/15%/15%"
    )
    if as_published and label == model:
        result.published = settings.published.get(kind, {})
    return result


def _graph(name: str | None, resolved: str | None) -> tuple[TemporalGraph, str | None]:
    """The data set; without a name the preferred one, or a generated one and a note about it.

    ``resolved`` is what an earlier part of this run took.
    """
    from graphkit import load
    from graphkit.errors import DatasetNotFoundError

    if name is not None:
        return load(name), None
    try:
        if resolved != _FALLBACK:
            return load(_PREFERRED, timeout=5.0), None
    except DatasetNotFoundError as error:
        if resolved == _PREFERRED:
            raise
        print(f"{_PREFERRED} is not at hand: {error}", file=sys.stderr)
    return load(_FALLBACK), (
        f"GENERATED DATA ({_FALLBACK}): {_PREFERRED} is neither at hand nor downloadable, so "
        "these numbers say nothing about real data and stand beside no published ones."
    )


def _report(job: Job, note: str | None, args: argparse.Namespace) -> None:
    """The table, the files, and where they are."""
    from graphkit.engine.plot import plot_curves

    if not _command.print_results(job, args.json, note):
        return
    with _command.plotting():
        print(f"plot: {plot_curves(job.done, args.plot or job.folder / 'curves.png')}")


def _leave() -> None:
    """Take leave of the other processes of torchrun, if there are any."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
