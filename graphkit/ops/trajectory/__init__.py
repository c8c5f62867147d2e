"""All states of a nonlinear recurrence at once, by Newton's method over the whole trajectory."""

from graphkit.ops.trajectory.cells import PARA_GRU, PARA_LSTM, ParaCell
from graphkit.ops.trajectory.op import NewtonReport, trajectory
from graphkit.ops.trajectory.reference import sequential

__all__ = ["NewtonReport", "PARA_GRU", "PARA_LSTM", "ParaCell", "sequential", "trajectory"]
