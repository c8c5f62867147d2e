"""Temporal link prediction: train and test stream models, measured beside published numbers."""

from __future__ import annotations

import argparse
import functools
import inspect
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks._job import Job
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
    add("--model", help=f"models, separated by commas (default: {_DEFAULTS['model']})")
    add("--data", help=f"data set (default: {_PREFERRED} if at hand, else generated {_FALLBACK})")
    add("--epochs", type=int, help="the most epochs (default: as in benchmarks/configs)")
    add("--seeds", help="seeds, separated by commas (default: 0)")
    add(
        "--negatives",
        choices=["random", "historical", "inductive"],
        help="negatives of training, validation and test (default: random)",
    )
    add("--inductive", action="store_true", default=None, help="hold nodes out, test on them")
    add("--candidates", type=int, help="random candidates for MRR; 0: no MRR (default: 100)")
    add("--batch-size", type=int, help="events per batch (default: 100)")
    add("--device", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--threads", type=int, help="CPU threads of torch (default: 1)")
    add(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="a setting of fit, of the task or of the model: lr=1e-3, nat.readout=sum",
    )
    add(
        "--sweep",
        action="append",
        metavar="KEY=A,B,C",
        help="also train with each of these values in turn, every other setting as it is",
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
    add("--json", metavar="PATH", help="also write the results here")
    add("--plot", metavar="PATH", help="write the curves here")
    add("--resume", metavar="DIR", help="go on with an interrupted run, or start one there")


def run(args: argparse.Namespace) -> int:
    """Train every model with every seed, print the table, say where the files are."""
    from benchmarks._job import Job

    given = {k: v for k, v in vars(args).items() if v is not None}
    for other in ("command", "list", "json", "plot", "resume"):
        given.pop(other, None)
    job = Job.open(args.resume, given, f"results/link_pred-{given.get('data', 'default')}")
    options = {**_DEFAULTS, **job.arguments}
    models, seeds = _names(options["model"]), _seeds(options["seeds"])
    plans = _plan(models, options)
    graph, note = _graph(options.get("data"), job.arguments.get("resolved"))
    job.arguments["resolved"] = graph.name  # a run that goes on stays with its data
    try:
        for label, (model, plan) in plans.items():
            for seed in seeds:
                if job.find(label, seed) is None:
                    job.add(_train(model, label, seed, graph, plan(graph.name), options, job))
    except KeyboardInterrupt:
        _report(job, note, args)
        total = len(plans) * len(seeds)
        if job.leads:
            print(f"\nInterrupted: {len(job.done)} of {total} trainings are done. Go on with")
            print(f"  python {sys.argv[0]} link_pred --resume {job.folder}")
        return 130
    _report(job, note, args)
    _leave()
    return 0


def _plan(models: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """For each row of the table its model, and its settings as a function of the data set's name.

    Checks every name.
    """
    from benchmarks import _settings
    from graphkit import GraphError, LinkPrediction, fit, registry
    from graphkit.errors import UnknownNameError

    makers = {name: registry.get("model", name) for name in models}
    for name, make in makers.items():
        if not (hasattr(make, "score") and hasattr(make, "observe")):
            streams = [e.name for e in registry.entries("model") if hasattr(e.make, "observe")]
            raise GraphError(
                "--model",
                f"{name!r} does not read a stream of events",
                expected=" or ".join(streams),
            )
    known = {name: _settings.known_settings(make) for name, make in makers.items()}
    values = _settings.parse(options["set"])
    ours = {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume"}
    fit_names = set(inspect.signature(fit).parameters) - ours
    task_names = set(inspect.signature(LinkPrediction).parameters) - {"graph"}

    def settings(model: str, dataset: str, **changes: Any) -> _settings.Settings:
        found = _settings.read(model, dataset)
        _settings.apply(
            found,
            model,
            {**values, **changes},
            model_names=known[model],
            fit_names=fit_names,
            task_names=task_names,
            others=known,
        )
        for name in ("epochs", "batch_size", "device", "threads"):
            if name in options:
                found.fit[name] = options[name]
        return found

    changes: dict[str, dict[str, Any]] = {model: {} for model in models}
    if options.get("encoder"):
        changes = _encoder_rows(models, known, _names(options["encoder"]))
    for name in _names(options["named"]) if options.get("named") else ():
        found = {model: _settings.named(model) for model in models}
        if not any(name in settings for settings in found.values()):
            every = [n for settings in found.values() for n in settings]
            raise UnknownNameError("named settings", name, every)
        for model in models:
            if name in found[model]:
                changes[f"{model} {name}"] = {
                    f"{model}.{key}": value for key, value in found[model][name].items()
                }
    for key, choices in _settings.parse_sweep(options["sweep"]).items():
        owner, _, name = key.rpartition(".")
        for model in models:
            if owner in ("", model) and (known[model] is None or name in known[model] | fit_names):
                for text, value in choices.items():
                    changes[f"{model} {name}={text}"] = {f"{model}.{name}": value}
    plans = {}
    for label, change in changes.items():
        model = label.partition(" ")[0]
        settings(model, options.get("data") or _PREFERRED, **change)  # wrong: an error now
        plans[label] = (model, functools.partial(settings, model, **change))
    return plans


def _encoder_rows(
    models: list[str], known: dict[str, set[str] | None], encoders: list[str]
) -> dict[str, dict[str, Any]]:
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
    found: dict[str, dict[str, Any]] = {}
    for model in models:
        if model in takers:
            for name in encoders:  # with its own defaults: settings belong to one encoder
                change = {f"{model}.encoder": name, f"{model}.encoder_settings": {}}
                found[f"{model} encoder={name}"] = change
        else:
            found[model] = {}
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
    result.versions |= _commit()
    result.settings["model"] = settings.model
    result.settings["task"] = settings.task
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
    from benchmarks._tables import comparison, title
    from graphkit.engine.plot import plot_curves
    from graphkit.engine.result import table
    from graphkit.errors import MissingPackageError

    if not job.leads or not job.done:
        return
    head, rows, notes = comparison(job.done)
    lines = [*([note] if note else []), *title(job.done), "", *table(head, rows), "", *notes]
    print("\n" + "\n".join(lines))
    where = job.folder / "result.json"
    if args.json:
        job.save(args.json)
        where = Path(args.json)
    print(f"JSON: {where}")
    try:
        print(f"plot: {plot_curves(job.done, args.plot or job.folder / 'curves.png')}")
    except MissingPackageError as error:
        print(f"no plot: {error}")


def _commit() -> dict[str, str]:
    """The commit that the numbers were made with, where this is a checkout and git is there."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": done.stdout.strip()}


def _leave() -> None:
    """Take leave of the other processes of torchrun, if there are any."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _names(text: str) -> list[str]:
    from graphkit.errors import GraphError

    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found:
        raise GraphError("argument", "an empty list", expected="names separated by commas")
    return found


def _seeds(text: str) -> list[int]:
    from graphkit.errors import GraphError

    names = _names(text)
    if not all(name.isdigit() for name in names):
        raise GraphError("--seeds", "not a list of numbers", expected="0,1,2", got=text)
    return [int(name) for name in names]
