"""List models, data sets, tasks, encoders and negatives by name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphkit.registry import Entry

__all__ = ["KINDS", "add_arguments", "run"]

KINDS = {
    "models": "model",
    "datasets": "dataset",
    "tasks": "task",
    "encoders": "sequence_encoder",
    "negatives": "negatives",
}
"""Words of the command, with the kinds of the registry that they list."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``graphkit list``."""
    parser.add_argument("kind", nargs="?", choices=list(KINDS), help="only these (default: all)")
    parser.add_argument("--view", help="only of this view: stream, snapshot, signal or static")
    parser.add_argument("--task", help="only models for this task")


def run(args: argparse.Namespace) -> int:
    """Print a line for each name with its facts and the first line of its description."""
    from graphkit import registry
    from graphkit.errors import GraphError, UnknownNameError

    if args.view is not None and args.view not in registry.VIEWS:
        raise UnknownNameError("view", args.view, registry.VIEWS)
    if args.task is not None and args.task not in registry.names("task"):
        raise UnknownNameError("task", args.task, registry.names("task"))
    wanted = {"view": args.view, "tasks": args.task}
    facts = {name: value for name, value in wanted.items() if value is not None}
    shown = 0
    for title in [args.kind] if args.kind else KINDS:
        every = registry.entries(KINDS[title])
        if any(not any(name in entry.facts for entry in every) for name in facts):
            if args.kind:
                raise GraphError(
                    "--view" if args.view else "--task",
                    f"{title} have none",
                    fix="graphkit list models lists the models of a view or a task.",
                )
            continue
        found = [entry for entry in every if entry.has(**facts)]
        if found:
            print("\n" * bool(shown) + "\n".join([f"{title}:", *_lines(found)]))
            shown += 1
    if not shown:
        print("none", flush=True)
    return 0


def _lines(entries: list[Entry]) -> list[str]:
    rows = [(entry.name, _facts(entry), entry.doc) for entry in entries]
    name, facts = (max(len(row[i]) for row in rows) for i in (0, 1))
    return [
        f"  {row[0].ljust(name)}  {row[1].ljust(facts)}{'  ' * bool(facts)}{row[2]}".rstrip()
        for row in rows
    ]


def _facts(entry: Entry) -> str:
    """``stream: link_prediction`` for a model, ``stream`` for a task, empty for other kinds."""
    view, tasks = entry.facts.get("view", ""), entry.facts.get("tasks", ())
    return f"{view}: {', '.join(tasks)}" if tasks else view
