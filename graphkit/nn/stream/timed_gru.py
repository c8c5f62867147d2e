"""A GRU whose input is the vector of another node, and the features and time of an event."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.nn.stream.time_encoding import num_buckets
from graphkit.ops.gru_gates import gru_gates, gru_lookup

__all__ = ["TimedGRU"]


class TimedGRU(nn.Module):
    """The update of NAT: a GRU step with the input ``[vector, event features, time]``.

    The authors multiply the input by a narrow matrix and then by that of the GRU; here the product
    of the two is learned as one matrix. Every age group, and "never", has learned gates of its own;
    with ``num_ages=0`` encodings of the times are an input instead.

    Args:
        in_channels: Size of the input vectors, ``S``.
        edge_channels: Size of the event features; may be 0.
        time_channels: Size of the encodings of times; only used with ``num_ages=0``.
        channels: Size of the state, ``F``.
        num_ages: Number of age groups; 0 for encodings of times.

    Shapes:
        - **input:** vectors ``[E, S]``, ages int64 ``[E]``, states ``[F, E]``
        - **output:** ``[F, E]``
    """

    def __init__(
        self,
        in_channels: int,
        edge_channels: int,
        time_channels: int,
        channels: int,
        num_ages: int,
    ) -> None:
        super().__init__()
        gates = 3 * channels
        self.num_ages = num_ages
        self.in_weight = nn.Parameter(torch.empty(gates, in_channels))
        self.state_weight = nn.Parameter(torch.empty(gates, channels))
        self.state_bias = nn.Parameter(torch.empty(gates))
        self.age = nn.Parameter(torch.empty(gates, num_ages + 1))
        if edge_channels:
            self.edge_weight = nn.Parameter(torch.empty(gates, edge_channels))
        if not num_ages:
            self.time_weight = nn.Parameter(torch.empty(gates, time_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all parameters as in :class:`torch.nn.GRUCell`: uniform in ``±1 / sqrt(F)``."""
        bound = self.state_weight.shape[1] ** -0.5
        for parameter in self.parameters(recurse=False):
            nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self,
        vector: Tensor,
        age: Tensor,
        state: Tensor,
        known: Tensor,
        feature: Tensor | None = None,
        time: Tensor | None = None,
    ) -> Tensor:
        """Compute one step for every row.

        Args:
            vector: Input vectors ``[E, S]``.
            age: Age groups, int64 ``[E]``; ``num_ages`` means "never".
            state: States ``[F, E]``.
            known: Whether a row has an event, bool ``[E]``; features of other rows are treated as
                zeros.
            feature: Features of the events ``[E, D]``, if there are any.
            time: Encodings of the times of the events ``[E, T]``, with ``num_ages=0``.
        """
        gates = self.in_weight @ vector.t() + self._by_age().index_select(1, age)
        if feature is not None:
            feature = feature * known.unsqueeze(1)
        extra = self._event_gates(feature, time)
        if extra is not None:
            gates = gates + extra
        hidden = torch.addmm(self.state_bias.unsqueeze(1), self.state_weight, state)
        return gru_gates(gates, hidden, state)

    def look_up(
        self,
        table: Tensor,
        key: Tensor,
        age: Tensor,
        state: Tensor,
        valid: Tensor | None = None,
        feature: Tensor | None = None,
        time: Tensor | None = None,
    ) -> Tensor:
        """Compute one step for entries whose input vectors are rows ``key`` of ``table [N, S]``.

        A small table is projected once, so that an entry reads ``3 F`` instead of ``S`` numbers. If
        the table has more rows than there are entries, only the rows in ``key`` are projected. The
        output of entries with ``valid`` 0 is zero.
        """
        if key.numel() < table.shape[0]:  # the work does not grow with the graph
            table = table.index_select(0, key)
            key = torch.arange(key.numel(), device=key.device)
        return gru_lookup(
            self.in_weight @ table.t(),
            key,
            self._by_age(),
            age,
            self.state_weight,
            self.state_bias,
            state,
            valid,
            self._event_gates(feature, time),
        )

    def _by_age(self) -> Tensor:
        """Contribution of each age to the gates, ``[3 F, groups + 1]``, including the bias."""
        return self.age if self.num_ages else self.age.expand(-1, 4 * num_buckets())

    def _event_gates(self, feature: Tensor | None, time: Tensor | None) -> Tensor | None:
        """Contribution of features and encoded times of the events to the gates, ``[3 F, E]``."""
        gates = None if feature is None else self.edge_weight @ feature.t()
        if not self.num_ages:
            by_time = self.time_weight @ time.t()
            gates = by_time if gates is None else gates + by_time
        return gates
