"""A text encoder's graph at a quarter of its size: weights in eight bits, arithmetic in float32.

The large matrices become whole numbers from -127 to 127 with a scale for every few of a row, and are made float32 again
when the graph is opened; the table of words, which is the largest, only where a text looks words up. Nothing else of
the graph changes: states that are quantised too, as "dynamic" quantisation has it, read colours wrongly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

BLOCK = 32
"""Numbers that share a scale."""
LEAST = 2**16
"""Matrices of fewer numbers stay as they are: the map to the condition, and the norms."""
_FLOAT32 = 1  # of ONNX's types
_LOOK_UPS = ("Gather", "GatherND")


def quantised(graph: bytes) -> bytes:
    """A graph whose large matrices are eight-bit blocks."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    nodes, kept = list(model.graph.node), []
    for tensor in model.graph.initializer:
        if len(tensor.dims) != 2 or math.prod(tensor.dims) < LEAST or tensor.dims[1] % BLOCK:
            kept.append(tensor)
            continue
        whole, scales = blocks(numpy_helper.to_array(tensor).astype(np.float32))
        users = [node for node in nodes if tensor.name in node.input]
        if len(users) == 1 and users[0].op_type in _LOOK_UPS:
            _look_up(nodes, users[0], tensor.name)
        else:
            nodes[:0] = _dequantise(tensor.name, f"{tensor.name}:w", f"{tensor.name}:s", list(tensor.dims))
            for node in users:
                _use(nodes, node, tensor.name)
        kept.append(numpy_helper.from_array(whole, f"{tensor.name}:w"))
        kept.append(numpy_helper.from_array(scales, f"{tensor.name}:s"))
    del model.graph.initializer[:], model.graph.node[:], model.graph.value_info[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def blocks(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers, int8 (rows, columns / BLOCK, BLOCK), and the float16 scales (rows, columns / BLOCK, 1)."""
    parts = matrix.reshape(len(matrix), -1, BLOCK)
    scales = np.maximum(np.abs(parts).max(2, keepdims=True) / 127, 1e-7).astype(np.float16)
    return np.round(parts / scales.astype(np.float32)).clip(-127, 127).astype(np.int8), scales


def _dequantise(name: str, whole: str, scales: str, shape: list[int]) -> list[Any]:
    """The nodes that make ``name`` of blocks and their scales."""
    from onnx import helper

    return [
        helper.make_node("Cast", [whole], [f"{name}:wf"], to=_FLOAT32),
        helper.make_node("Cast", [scales], [f"{name}:sf"], to=_FLOAT32),
        helper.make_node("Mul", [f"{name}:wf", f"{name}:sf"], [f"{name}:b"]),
        helper.make_node("Constant", [], [f"{name}:d"], value_ints=shape),
        helper.make_node("Reshape", [f"{name}:b", f"{name}:d"], [name]),
    ]


def _look_up(nodes: list[Any], node: Any, name: str) -> None:
    """Let a node that looks rows up, (N, T, columns), look up blocks and scales."""
    from onnx import helper

    (output,), indices = node.output, node.input[1]
    parts = [
        helper.make_node(node.op_type, [f"{name}:{part}", indices], [f"{output}:{part}"]) for part in ("w", "s")
    ]
    at = nodes.index(node)
    nodes[at : at + 1] = [*parts, *_dequantise(output, f"{output}:w", f"{output}:s", [0, 0, -1])]


def _use(nodes: list[Any], node: Any, name: str) -> None:
    """Let a node use a matrix that is float32 now; one that made it so from float16 is left out."""
    if node.op_type != "Cast":
        return  # by the same name
    for other in nodes:
        for i, value in enumerate(other.input):
            if value == node.output[0]:
                other.input[i] = name
    nodes.remove(node)
