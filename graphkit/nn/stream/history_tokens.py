"""Token embeddings of the events of a history, as input of a sequence encoder."""

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
    r"""One token per event of a history, followed by one token for the node itself.

    .. math::
        h_l = A[\mathrm{age}_l, \mathrm{direction}_l] + C_1[c_l] + W_e\, e_l + W_x\, x_{n_l}

    with :math:`n_l` the neighbour, :math:`e_l` the features of the event, :math:`x` those of the
    nodes, and :math:`c_l` the number of occurrences of :math:`n_l` in this history. The node itself
    is the last position, with a separate :math:`A` and without :math:`e`. For a pair,
    :meth:`of_other` returns :math:`C_2[\cdot]`, to be added for the number of occurrences of a
    neighbour in the history of the other node.

    Args:
        channels: Number of channels of a token.
        edge_channels: Number of event features, 0 for none.
        node_channels: Number of node features, 0 for none.
        ages: Encoding of ages. ``"buckets"`` learns one vector per direction and age group, with
            two groups per doubling of the age. ``"cosine"`` is a linear map of cosines with trained
            frequencies, ``"fixed_cosine"`` with fixed frequencies.
        time_channels: Number of cosines.
        tick: Length of one step of age, in the unit of the history.
        max_count: Largest count with an embedding of its own; larger counts share it.
        pairs: Whether to create the parameters of :meth:`of_other`.

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
        """Reset all learnable parameters of the module."""
        nn.init.normal_(self.table, std=0.1)
        if self.other is not None:
            nn.init.normal_(self.other, std=0.1)
        for module in (self.time_encoder, self.lin_time, self.lin_edge, self.lin_x):
            if module is not None:
                module.reset_parameters()

    def forward(
        self, rows: HistoryRows, count: Tensor, edge_attr: Tensor | None, x: Tensor | None
    ) -> Tensor:
        """Compute the tokens ``[R, k + 1, channels]``; tokens of padding are arbitrary.

        Args:
            rows: The histories.
            count: Number of occurrences of each key in its own row, int64 ``[R, k + 1]``.
            edge_attr: Features of the events, ``[R, k, edge_channels]``.
            x: Features of the nodes, ``[N, node_channels]``.
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
        """Embed counts ``[...]`` in the history of the other node: ``[..., channels]``."""
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
    r"""Merges every ``size`` consecutive positions into one by a linear map.

    Args:
        channels: Number of input and output channels.
        size: Number of positions per patch; an incomplete first patch is padded on the left.

    Shapes:
        - **input:** :math:`(R, L, C)`, mask :math:`(R, L)`, times :math:`(R, L)`
        - **output:** the same with :math:`L' = \lceil L / size \rceil`; a patch is valid if at
          least one of its positions is valid, and its time is that of its last position
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.lin = nn.Linear(size * channels, channels)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
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
