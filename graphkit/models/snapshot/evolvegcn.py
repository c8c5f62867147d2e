r"""EvolveGCN: graph convolutions with weights that are evolved by a recurrent cell.

Pareja, Domeniconi, Chen, Ma, Suzumura, Kanezashi, Kaler, Schardl, Leiserson: "EvolveGCN: Evolving
Graph Convolutional Networks for Dynamic Graphs", AAAI 2020, arXiv 1902.10191.

The node sets of snapshots :math:`(A_t, X_t)` may change completely, because the model has no state
per node. The recurrence runs over the weight matrices of the layers instead,

.. math::
    W_t^{(l)} &= \mathrm{cell}\big(\text{summary of } H_t^{(l)},\; W_{t-1}^{(l)}\big)
        \quad\text{(-H)} \\
    W_t^{(l)} &= \mathrm{cell}\big(W_{t-1}^{(l)}\big) \quad\text{(-O)} \\
    H_t^{(l+1)} &= \sigma\big(\hat{A}_t H_t^{(l)} W_t^{(l)}\big)

bottom-up in the layers and left to right in time. The weight is updated before the convolution, and
:math:`W_0^{(l)}` is a parameter.

**Dependence of -O on the past.** The weights of -O depend only on the number of steps. Applied to a
window of ``h + 1`` snapshots from :math:`W_0`, as in the authors' code, -O is a static graph
convolution of the last snapshot with the (h + 1)-fold iterate of the cell: earlier snapshots cannot
change its output, and its gradient with respect to their features is exactly 0. Therefore earlier
snapshots are not convolved here, which does not change the results. In -H, earlier snapshots affect
the output through the summaries from which the weights are computed, and only the convolutions of
earlier snapshots in the last layer are skipped.

Departures from the authors' code: ReLU instead of RReLU, which there draws random slopes in
evaluation too (``activation="rrelu"`` is available and deterministic in evaluation); ties among the
top k are broken by node id; no crash without active nodes; no unused scorer in -O. Departures from
the paper: -O uses a GRU, as in the code that produced the published numbers (``cell="lstm"`` is
that of the paper); the last layer is activated too, as in the code (``activate_last=False`` is that
of the paper). Messages are sent from the source of an edge to its target, as in PyG; in the
authors' code, and in the settings of benchmarks/configs, they are sent from the target to the
source (``flow="target_to_source"``). Most of their graphs are symmetric, where both are equal.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.snapshot import (
    CELLS,
    EGCU,
    FLOWS,
    SnapshotPredictor,
    as_snapshot,
    check_flow,
    graph_convolution,
)
from graphkit.nn.snapshot.columns import uniform_by_columns
from graphkit.registry import get, names, register

__all__ = ["EvolveGCNH", "EvolveGCNO"]

_ACTIVATIONS = {"relu": nn.ReLU, "rrelu": nn.RReLU, "identity": nn.Identity}


class _EvolveGCN(nn.Module):
    """Base class of EvolveGCN-H and EvolveGCN-O: layers, state, output."""

    summarize: bool

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        cell: Any = "gru",
        cell_options: dict[str, Any] | None = None,
        activation: str = "relu",
        activate_last: bool = True,
        projection: int | None = None,
        flow: str = FLOWS[0],
    ) -> None:
        super().__init__()
        check_choice(activation, "activation", _ACTIVATIONS)
        if num_layers < 1:
            raise GraphError("num_layers", "no layer is left", expected=">= 1", got=num_layers)
        self.in_channels, self.out_channels = in_channels, hidden_channels
        self.activate_last = activate_last
        self.flow = check_flow(flow)
        self.projection = None
        if projection is not None:
            self.projection = nn.Parameter(torch.empty(in_channels, projection))
            uniform_by_columns(self.projection)
        widths = [projection or in_channels] + [hidden_channels] * num_layers
        cell = _named_cell(cell, cell_options)
        self.layers = nn.ModuleList(
            EGCU(a, b, cell, self.summarize) for a, b in itertools.pairwise(widths)
        )
        self.activation = _ACTIVATIONS[activation]()

    @classmethod
    def from_task(
        cls, task: Any, *, classifier_channels: int = 100, pair_history: int = 0, **settings: Any
    ) -> SnapshotPredictor:
        """Create the model with a classifier of pairs or nodes, for a task on snapshots.

        Args:
            task: Task, of which ``in_channels`` and the attributes used by
                :meth:`~graphkit.nn.snapshot.SnapshotPredictor.for_task` are read.
            classifier_channels: Width of the hidden layer of the classifier.
            pair_history: Number of snapshots of a :class:`~graphkit.nn.snapshot.PairHistory` for
                link prediction; 0 disables it, as in the paper.
            settings: Arguments of the class (by default ``hidden_channels`` is 100 and ``flow`` is
                that of the timeline of the task).
        """
        known = {"hidden_channels": 100, "flow": task.timeline.flow}
        encoder = cls(task.in_channels, **{**known, **settings})
        return SnapshotPredictor.for_task(task, encoder, classifier_channels, pair_history)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        if self.projection is not None:
            uniform_by_columns(self.projection)
        for layer in self.layers:
            layer.reset_parameters()

    def start(self, num_nodes: int | None = None) -> tuple[Any, ...]:
        """Return the state before the first snapshot: the cell state of each layer, whose first
        entry is the weight."""
        return tuple(layer.start() for layer in self.layers)

    def _features(self, snapshot: Any) -> Tensor:
        x = snapshot.x
        if self.projection is None:
            return x
        return x @ self.projection if x.is_floating_point() else self.projection[x]

    def _activate(self, h: Tensor, layer: int) -> Tensor:
        last = layer == len(self.layers) - 1
        return self.activation(h) if self.activate_last or not last else h


def _named_cell(cell: Any, options: dict[str, Any] | None) -> Any:
    """Convert the name of a sequence encoder to a function that creates one for the columns of a
    weight."""
    if not isinstance(cell, str) or cell in CELLS:
        if options:
            raise GraphError("cell_options", "they are for sequence encoders by name", got=cell)
        return cell
    if cell not in names("sequence_encoder"):
        raise UnknownNameError("cell", cell, [*CELLS, *names("sequence_encoder")])
    make = get("sequence_encoder", cell)
    return lambda rows, columns: make(in_channels=rows, out_channels=rows, **(options or {}))


def _check(snapshots: Sequence[Any], outputs: str) -> None:
    check_choice(outputs, "outputs", ("last", "all"))
    if not len(snapshots):
        raise GraphError("snapshots", "there is none", expected="at least one snapshot")


@register(
    "model",
    "evolvegcn_o",
    view="snapshot",
    tasks=("snapshot_link_prediction", "edge_classification", "snapshot_node_classification"),
)
class EvolveGCNO(_EvolveGCN):
    r"""EvolveGCN-O: graph convolutions with weights that evolve independently of the snapshots.

    The output depends on the number of earlier snapshots but not on their content, see the
    docstring of the module.

    When to use:
        For snapshots whose nodes change over time, if node features carry little information:
        the weights evolve independently of the features. In windows, the prediction does not
        depend on the earlier snapshots.

    Args:
        in_channels: Number of node features; for one-hot degrees, the number of degrees.
        hidden_channels: Number of output channels of every layer.
        num_layers: Number of layers.
        cell: ``"gru"`` (the authors' code), ``"lstm"`` (the paper), the name of a causal sequence
            encoder such as ``"gla"``, which reads the columns of a weight as a batch, or a module;
            see :func:`~graphkit.nn.snapshot.make_cell`.
        cell_options: Arguments of a named encoder, such as ``{"hidden_channels": 64}``.
        activation: ``"relu"``, ``"rrelu"`` or ``"identity"``.
        activate_last: Whether to apply the activation to the last layer too.
        projection: Width of a linear map of the features before the first layer, whose cell has 6
            times the square of its input width as parameters; not in the paper.
        flow: Direction of messages along the edges of ``Data``, see
            :func:`~graphkit.nn.snapshot.as_snapshot`; a
            :class:`~graphkit.nn.snapshot.Snapshot` must have been created with the same direction.

    Shapes:
        - **input:** snapshots, PyG ``Data`` or :class:`~graphkit.nn.snapshot.Snapshot`, oldest
          first; state of an earlier call, or ``None`` to start from :math:`W_0`
        - **output:** ``[n, hidden_channels]`` of the last snapshot (with ``outputs="all"``, a list
          for all snapshots), and the state after it
    """

    summarize = False

    def weights(self, steps: int, state: Any = None) -> list[tuple[Any, ...]]:
        """Return the states after 1, 2, ..., ``steps`` snapshots, which do not depend on the
        content of the snapshots."""
        state = self.start() if state is None else state
        by_layer = [
            layer.evolve_along(s, steps) for layer, s in zip(self.layers, state, strict=True)
        ]
        return list(zip(*by_layer))

    def forward(
        self, snapshots: Sequence[Any], state: Any = None, outputs: str = "last"
    ) -> tuple[Any, tuple[Any, ...]]:
        """See the docstring of the class."""
        _check(snapshots, outputs)
        states = self.weights(len(snapshots), state)
        if outputs == "last":
            return self._convolve(snapshots[-1], states[-1]), states[-1]
        return [self._convolve(s, weights) for s, weights in zip(snapshots, states)], states[-1]

    def _convolve(self, snapshot: Any, states: tuple[Any, ...]) -> Tensor:
        snapshot = as_snapshot(snapshot, self.flow)
        h = self._features(snapshot)
        for index, state in enumerate(states):
            h = self._activate(graph_convolution(snapshot, h, state[0]), index)
        return h


@register(
    "model",
    "evolvegcn_h",
    view="snapshot",
    tasks=("snapshot_link_prediction", "edge_classification", "snapshot_node_classification"),
)
class EvolveGCNH(_EvolveGCN):
    r"""EvolveGCN-H: graph convolutions with weights that evolve with a summary of each snapshot.

    The summary is computed from the k nodes with the highest learned scores.

    When to use:
        For snapshots whose nodes change over time, if node features are informative or earlier
        snapshots matter: the weights are updated from the highest-scoring nodes of each
        snapshot. Set `projection` for many input features, since the cell has 6 times the
        square of the feature width as parameters.

    Args:
        in_channels: Number of node features; for one-hot degrees, the number of degrees.
        hidden_channels: Number of output channels of every layer; also k, the number of nodes in a
            summary.
        num_layers: Number of layers.
        cell: As for :class:`EvolveGCNO`; for -H, ``"lstm"`` is not in the paper.
        cell_options: As for :class:`EvolveGCNO`.
        activation: As for :class:`EvolveGCNO`.
        activate_last: As for :class:`EvolveGCNO`.
        projection: As for :class:`EvolveGCNO`.
        flow: As for :class:`EvolveGCNO`.

    Shapes:
        - **input:** as for :class:`EvolveGCNO`
        - **output:** as for :class:`EvolveGCNO`
    """

    summarize = True

    def forward(
        self, snapshots: Sequence[Any], state: Any = None, outputs: str = "last"
    ) -> tuple[Any, tuple[Any, ...]]:
        """See the docstring of the class."""
        _check(snapshots, outputs)
        snapshots = [as_snapshot(s, self.flow) for s in snapshots]
        actives = [s.active for s in snapshots]
        hs = [self._features(s) for s in snapshots]
        last, end = len(snapshots) - 1, []
        for index, layer in enumerate(self.layers):
            begin = layer.start() if state is None else state[index]
            states = layer.evolve_along(begin, len(hs), hs, actives)
            end.append(states[-1])
            top = index == len(self.layers) - 1
            for t, (snapshot, (weight, *_)) in enumerate(zip(snapshots, states)):
                if not top or outputs == "all" or t == last:
                    h = graph_convolution(snapshot, hs[t], weight)
                    hs[t] = self._activate(h, index)
        return (hs[-1] if outputs == "last" else hs), tuple(end)
