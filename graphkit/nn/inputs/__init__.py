"""What models make of their inputs: number types, numbers of classes, sizes of a graph."""

from graphkit.nn.inputs.class_ids import check_class_ids
from graphkit.nn.inputs.graph_sizes import static_sizes
from graphkit.nn.inputs.number_types import at_least_float32, model_dtype, model_inputs

__all__ = [
    "at_least_float32",
    "check_class_ids",
    "model_dtype",
    "model_inputs",
    "static_sizes",
]
