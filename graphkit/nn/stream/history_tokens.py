"""Events of a node's history as vectors for a sequence encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_choice
from graphkit.nn.stream.event_history import HistoryRows
from graphkit.nn.stream.time_encoding import TimeEncoder, num_buckets, recency_bucket
from graphkit.ops.joint_bag import sparse_bag

__all__ = ["HistoryTokens", "Patches"]

_AGES = ("buckets", "cosine", "fixed_cosine")


class HistoryTokens(nn.Module):
    r"""One vector per event of a history, and a last one for the node itself.

    .. math::
        h_l = A[\mathrm{age}_l, \mathrm{direction}_l] + C_1[c_l] + W_e\, e_l + W_x\, x_{n_l}

    with :math:`n_l` the neighbour, :math:`e_l` the event's features, :math:`x` the nodes' and
    :math:`c_l` how often :math:`n_l` occurs in this history. The node itself is the last position,
    with an :math:`A` of its own and without :math:`e`. For a pair, :meth:`of_other` gives
    :math:`C_2[\cdot]`, to be added for the number of times that a neighbour occurs in the other
    node's history.

    Args:
        channels: Width of the vectors.
        edge_channels: Width of the event features, 0 for none.
        node_channels: Width of the node features, 0 for none.
        ages: ``"buckets"``: a vector per age group, two to a doubling, and direction.
            ``"cosine"``: a linear map of cosines with trained frequencies; ``"fixed_cosine"``: of
            fixed ones.
        time_channels: Number of cosines.
        tick: What counts as one step of age, in the history's unit.
        max_count: Counts above it are not told apart.
        pairs: Whether :meth:`of_other` will be asked for.

    Shapes:
        - **input:** ``R`` rows of ``k`` events, own counts :math:`(R, k + 1)`
        - **output:** :math:`(R, k + 1, channels)`
    """

    def __init__(
        self,
        channels: int,
        edge_channels: int = 0,
        node_channels: int = 0,
        *,
        ages: str = "buckets",
        time_channels: int = 100,
        tick: float = 1.0,
        max_count: int = 15,
        pairs: bool = True,
    ) -> None:
        super().__init__()
        check_choice(ages, "ages", _AGES)
        self.channels, self.tick, self.max_count = channels, tick, max_count
        self.num_ages = num_buckets() if ages == "buckets" else 1
        # Ages of received and of sent events, the node itself, counts.
        self.own = 2 * self.num_ages
        self.table = nn.Parameter(torch.empty(self.own + 1 + max_count + 1, channels))
        self.other = nn.Parameter(torch.empty(max_count + 1, channels)) if pairs else None
        self.time_encoder = self.lin_time = self.lin_edge = self.lin_x = None
        if ages != "buckets":
            self.time_encoder = TimeEncoder(time_channels, learnable=ages == "cosine")
            self.lin_time = nn.Linear(time_channels, channels, bias=False)
        if edge_channels:
            self.lin_edge = nn.Linear(edge_channels, channels, bias=False)
        if node_channels:
            self.lin_x = nn.Linear(node_channels, channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all parameters anew."""
        nn.init.normal_(self.table, std=0.1)
        if self.other is not None:
            nn.init.normal_(self.other, std=0.1)
        for module in (self.time_encoder, self.lin_time, self.lin_edge, self.lin_x):
            if module is not None:
                module.reset_parameters()

    def forward(
        self, rows: HistoryRows, count: Tensor, edge_attr: Tensor | None, x: Tensor | None
    ) -> Tensor:
        """``[R, k + 1, channels]``; what stands in padding does not matter.

        Args:
            rows: The histories.
            count: int64 ``[R, k + 1]``, how often each key occurs in its own row.
            edge_attr: ``[R, k, edge_channels]``, features of the events.
            x: ``[N, node_channels]``.
        """
        num_rows, size = rows.age.shape
        place = F.pad(self.group(rows), (0, 1), value=self.own)
        count = count.clamp(max=self.max_count) + (self.own + 1)
        cells = torch.arange(place.numel(), device=place.device)
        index = torch.cat([place.view(-1), count.view(-1)])
        tokens = sparse_bag(self.table, index, cells.repeat(2), cells.numel())
        tokens = tokens.view(num_rows, size + 1, self.channels)
        if self.lin_time is not None:
            tokens = tokens + F.pad(self.lin_time(self.time_encoder(rows.age)), (0, 0, 0, 1))
        if self.lin_edge is not None:
            tokens = tokens + F.pad(self.lin_edge(edge_attr), (0, 0, 0, 1))
        if self.lin_x is not None:
            tokens = tokens + self.lin_x(x)[keys(rows).clamp(min=0)]
        return tokens

    def of_other(self, count: Tensor) -> Tensor:
        """``[..., channels]`` for counts ``[...]`` in the other node's history."""
        index = count.clamp(max=self.max_count).view(-1)
        cells = torch.arange(index.numel(), device=index.device)
        return sparse_bag(self.other, index, cells, index.numel()).view(*count.shape, self.channels)

    def group(self, rows: HistoryRows) -> Tensor:
        """int64 ``[R, k]``, age group and direction of each event, below ``2 * num_ages``."""
        sent = rows.recent.sent.long() * self.num_ages
        return sent if self.num_ages == 1 else sent + recency_bucket(rows.age, self.tick)


def keys(rows: HistoryRows) -> Tensor:
    """int64 ``[R, k + 1]``: the neighbours of each history, then the node itself."""
    return torch.cat([rows.recent.node, rows.node.unsqueeze(1)], dim=1)


class Patches(nn.Module):
    r"""Every ``size`` neighbouring positions as one, through a linear map.

    Args:
        channels: Width, in and out.
        size: Positions per patch; positions that are missing are padded on the left.

    Shapes:
        - **input:** :math:`(R, L, C)`, mask :math:`(R, L)`, times :math:`(R, L)`
        - **output:** the same with :math:`L' = \lceil L / size \rceil`; a patch is valid if one
          of its positions is, and its time is that of its last position
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.lin = nn.Linear(size * channels, channels)

    def reset_parameters(self) -> None:
        """Draws all parameters anew."""
        self.lin.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = torch.where(mask.unsqueeze(2), x, 0)
        left = -x.shape[1] % self.size
        x, mask = F.pad(x, (0, 0, left, 0)), F.pad(mask, (left, 0))
        x = self.lin(x.unflatten(1, (-1, self.size)).flatten(2))
        return (
            x,
            mask.unflatten(1, (-1, self.size)).any(2),
            F.pad(time, (left, 0))[:, self.size - 1 :: self.size],
        )

    def extra_repr(self) -> str:
        return f"size={self.size}"
