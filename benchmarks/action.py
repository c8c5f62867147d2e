"""Actions from skeletons: accuracy of sequence encoders on whole clips."""

from __future__ import annotations

import argparse
import inspect
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks._job import Job
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
    add = parser.add_argument
    add("--encoder", "--model", help=f"sequence encoders (default: {_DEFAULTS['encoder']})")
    add("--data", help=f"data set of labelled parts (default: {_DEFAULTS['data']})")
    add("--seeds", help="seeds, separated by commas (default: 0,1,2)")
    add("--epochs", type=int, help="the most epochs (default: as in benchmarks/configs)")
    add("--device", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--threads", type=int, help="CPU threads of torch (default: 1)")
    add(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="a setting of fit, of the task, of the model or, after its name, of an encoder: "
        "lr=0.01, features=raw, skeleton_cnn.kernel_size=5",
    )
    add("--json", metavar="PATH", help="also write the results here")
    add("--resume", metavar="DIR", help="go on with an interrupted run, or start one there")


def run(args: argparse.Namespace) -> int:
    """Train with every encoder and seed, print the table, say where the files are."""
    from benchmarks import link_pred
    from benchmarks._job import Job
    from graphkit import load

    given = {k: v for k, v in vars(args).items() if v is not None}
    for other in ("command", "list", "json", "resume"):
        given.pop(other, None)
    data = given.get("data", _DEFAULTS["data"])
    job = Job.open(args.resume, given, f"results/action-{data}")
    options = {**_DEFAULTS, **job.arguments}
    names = link_pred._names(options["encoder"])
    plans = {name: _settings_of(name, names, options) for name in names}
    graph = load(options["data"])
    try:
        for name, settings in plans.items():
            for seed in [int(s) for s in str(options["seeds"]).split(",")]:
                if job.find(name, seed) is None:
                    job.add(_train(name, seed, graph, settings))
    except KeyboardInterrupt:
        _report(job, args)
        print(f"\nInterrupted. Go on with\n  python {sys.argv[0]} action --resume {job.folder}")
        return 130
    _report(job, args)
    return 0


def _settings_of(encoder: str, names: list[str], options: dict[str, Any]) -> Any:
    """Settings for one encoder: those of the classifier, then the encoder's own. Checks names."""
    from benchmarks import _settings
    from graphkit import registry
    from graphkit.engine import fit
    from graphkit.tasks import PartClassification

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
    ours = {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume"}
    model_names = _options(registry.get("model", _MODEL)) - {"encoder", "encoder_settings"}
    _settings.apply(
        found,
        _MODEL,
        values,
        model_names=model_names,
        fit_names=set(inspect.signature(fit).parameters) - ours,
        task_names=set(inspect.signature(PartClassification).parameters)
        - {"graph", "split", "seed"},
        others={_MODEL: model_names},
    )
    for name in ("epochs", "device", "threads"):
        if name in options:
            found.fit[name] = options[name]
    found.model["encoder_settings"] = inner
    return found


def _options(make: Any) -> set[str] | None:
    """What a class takes beside sizes; ``None`` for anything."""
    parameters = inspect.signature(make).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.default is not p.empty} - {"out_channels"}


def _train(encoder: str, seed: int, graph: TemporalGraph, settings: Any) -> Result:
    from benchmarks.link_pred import _commit
    from graphkit import registry, seed_everything
    from graphkit.engine import fit
    from graphkit.tasks import PartClassification

    task = PartClassification(graph, seed=seed, **settings.task)
    seed_everything(seed)
    kind = registry.get("model", _MODEL)
    model = kind.from_task(task, encoder=encoder, **settings.model)
    fitting = {"threads": 1, "progress": False, **settings.fit}
    result = fit(model, task, seed=seed, name=encoder, **fitting)
    result.versions |= _commit()
    result.settings |= {"model": settings.model, "task": settings.task}
    accuracy = result.metrics["test"]["accuracy"]
    print(f"{encoder}, seed {seed}: test accuracy {accuracy:.4f}", file=sys.stderr, flush=True)
    return result


def _report(job: Job, args: argparse.Namespace) -> None:
    from benchmarks._tables import comparison, title
    from graphkit.engine.result import table

    if not job.leads or not job.done:
        return
    head, rows, notes = comparison(job.done)
    print("\n" + "\n".join([*title(job.done), "", *table(head, rows), "", *notes]))
    if args.json:
        job.save(args.json)
    print(f"JSON: {args.json or job.folder / 'result.json'}")
