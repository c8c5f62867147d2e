"""Let a saved model observe events or readings that have happened, and save its state."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphkit.cli import fitted

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``graphkit observe``."""
    fitted.add_model(parser)
    add = parser.add_argument
    add("input", type=Path, metavar="INPUT", help="CSV, Parquet, or the folder of a saved graph")
    add("--nodes", type=Path, metavar="FILE", help="features of new nodes, one row per label, the"
        " labels in the first column")  # fmt: skip
    add("--late", choices=["raise", "drop", "insert"], help="what becomes of events before the last"
        " one observed (default: raise, which observes nothing)")  # fmt: skip
    fitted.add_table(parser)


def run(args: argparse.Namespace) -> int:
    """Observe, save, and say what was taken in; the folder changes as a whole or not at all."""
    predictor = fitted.open_predictor(args)
    table = fitted.read_input(predictor, args.input, args.sep)
    options = {"late": args.late, "time_unit": args.time_unit}
    options = {name: value for name, value in options.items() if value is not None}
    if args.nodes is not None:
        options["nodes"] = _features(predictor, args.nodes, args.sep)
    seen = predictor.observe(table, **options)
    predictor.save(args.model)
    new, dropped = getattr(seen, "new_nodes", ()), getattr(seen, "dropped", 0)
    print(f"observed: {getattr(seen, 'events', len(table)):,}")
    if new:
        more = f", ... ({len(new):,})" if len(new) > 5 else ""
        print(f"new nodes: {', '.join(str(label) for label in new[:5])}{more}")
    if dropped:
        print(f"dropped, too late: {dropped:,}")
    print(f"model: {args.model}")
    return 0


def _features(predictor: object, path: Path, sep: str) -> object:
    """A table of nodes, its first column in the index."""
    from graphkit.cli.tables import is_parquet, read_table

    frame = read_table(path, sep=sep, index=True)
    name = frame.columns[0]
    if not is_parquet(path):
        labels = read_table(path, sep=sep, text=(name,))[name].tolist()
        frame[name] = fitted.node_labels(predictor, labels, str(name))
    return frame.set_index(name)
