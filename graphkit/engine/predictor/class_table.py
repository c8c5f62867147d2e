"""Tables of class names and class probabilities from logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from graphkit.engine.predictor.ranked import check_names
from graphkit.errors import GraphError

__all__ = ["class_table"]


def class_table(
    logits: Tensor,
    names: Sequence[Any] | None,
    *,
    index: pd.Index | None = None,
    keys: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return the predicted class of each row and the probabilities of all classes.

    Args:
        logits: Logits, ``[rows, C]``.
        names: Names of the classes, ordered by class number. Classes without a name (all classes
            if ``None``) are named by their number.
        index: Index of the rows.
        keys: Columns that identify the rows, placed first.

    Returns:
        The columns of ``keys``; ``"class"``, the most likely class (the first one of ties); and one
        column per class, named after the class, with its probability (float64).

    Raises:
        GraphError: A logit is NaN, or a class has the name of another column.
    """
    if bool(logits.isnan().any()):
        raise GraphError(
            "predict",
            "a logit is NaN",
            row=int(logits.isnan().any(1).nonzero()[0]),
            fix="Train with a lower lr, and look for infinite features.",
        )
    probability = logits.double().softmax(1)
    classes = [*(names or ())[: logits.shape[1]], *range(len(names or ()), logits.shape[1])]
    columns: dict[Any, Any] = dict(keys or {})
    check_names(columns, ("class",))
    best = np.empty(len(classes), dtype=object)
    best[:] = classes
    chosen = best[logits.argmax(1).cpu().numpy()] if classes else best
    columns["class"] = pd.Series(chosen, index=index, dtype=object).infer_objects()
    table = pd.DataFrame(columns, index=index)
    taken = next((name for name in classes if name in columns), None)
    if taken is not None:
        raise GraphError(
            "class_names",
            f"a class is called {taken!r}, as a column of the answer is",
            fix="Call it otherwise when the graph is built.",
        )
    shares = pd.DataFrame(probability.cpu().numpy(), index=table.index)
    shares.columns = pd.Index(classes, dtype=object, tupleize_cols=False)
    return pd.concat([table, shares], axis=1)
