"""Memories that learn while they are read."""

from __future__ import annotations

from graphkit.nn.memory.fast_weights import (
    Gates,
    chunk_plan,
    decay_matrix,
    read_weights,
    token_gradients,
    write_chunk,
    write_token,
)
from graphkit.nn.memory.neural_memory import MemoryState, NeuralMemory

__all__ = [
    "Gates",
    "MemoryState",
    "NeuralMemory",
    "chunk_plan",
    "decay_matrix",
    "read_weights",
    "token_gradients",
    "write_chunk",
    "write_token",
]
