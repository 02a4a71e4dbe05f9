"""A text encoder's graph at a quarter or half of its size: weights in few bits, arithmetic in float32.

The large matrices become whole numbers that share a scale with a few others of a row, and are made float32 again when
the graph is opened; the table of words, which is the largest, only where a text looks words up. Numbers of more than
eight bits lie in two parts, the upper eight and the rest, which gzip packs to about their bits. Nothing else of the
graph changes: states that are quantised too, as "dynamic" quantisation has it, read colours wrongly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CHOICES = ((8, 8), (10, 12), (10, 13), (11, 13), (12, 14), (16, 16))
"""Bits of a number of the table of words, and of the layers: smallest first."""
BLOCK = 32
"""Numbers that share a scale: the largest of them is the largest whole number."""
LEAST = 2**16
"""Matrices of fewer numbers stay as they are: the map to the condition, and the norms."""
_FLOAT32 = 1  # of ONNX's types
_LOOK_UPS = ("Gather", "GatherND")


def quantised(graph: bytes, word_bits: int, layer_bits: int) -> bytes:
    """A graph whose large matrices are blocks of whole numbers of so many bits, each 8 to 16."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    nodes, kept = list(model.graph.node), []
    for tensor in model.graph.initializer:
        if len(tensor.dims) != 2 or math.prod(tensor.dims) < LEAST or tensor.dims[1] % BLOCK:
            kept.append(tensor)
            continue
        users = [node for node in nodes if tensor.name in node.input]
        are_words = len(users) == 1 and users[0].op_type in _LOOK_UPS
        bits = word_bits if are_words else layer_bits
        parts = blocks(numpy_helper.to_array(tensor).astype(np.float32), bits)
        if are_words:
            _look_up(nodes, users[0], tensor.name, list(parts), bits)
        else:
            nodes[:0] = _joined(tensor.name, list(parts), list(tensor.dims), bits)
            for node in users:
                _use(nodes, node, tensor.name)
        kept += [numpy_helper.from_array(part, f"{tensor.name}:{name}") for name, part in parts.items()]
    del model.graph.initializer[:], model.graph.node[:], model.graph.value_info[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def blocks(matrix: np.ndarray, bits: int) -> dict[str, np.ndarray]:
    """Whole numbers of a float32 matrix (rows, columns), and the peaks of their blocks.

    Returns:
        ``high``, int8 (rows, columns / BLOCK, BLOCK), and ``peak``, float16 (rows, columns / BLOCK, 1); of more than
        eight bits also ``low``, uint8: a number is ``(high * 2 ** (bits - 8) + low) * peak / _most(bits)``.
    """
    rest = bits - 8
    parts = matrix.reshape(len(matrix), -1, BLOCK)
    most = np.abs(parts).max(2, keepdims=True)
    peak = np.maximum(most, 1e-4).astype(np.float16)
    peak = np.where(peak < most, np.nextafter(peak, np.float16(np.inf)), peak)  # float16 has few digits: never below
    whole = np.round(parts / peak.astype(np.float32) * _most(bits)).astype(np.int16)
    found = {"high": (whole >> rest).astype(np.int8), "peak": peak}
    return found | ({"low": (whole & (2**rest - 1)).astype(np.uint8)} if rest else {})


def _most(bits: int) -> int:
    return int(2 ** (bits - 1)) - 1


def _joined(name: str, parts: list[str], shape: list[int], bits: int) -> list[Any]:
    """The nodes that make ``name`` of its parts, ``name:high`` and the others."""
    from onnx import helper

    nodes = [helper.make_node("Cast", [f"{name}:{part}"], [f"{name}:{part}32"], to=_FLOAT32) for part in parts]
    whole = f"{name}:high32"
    if "low" in parts:
        nodes += [
            helper.make_node("Constant", [], [f"{name}:step"], value_float=2.0 ** (bits - 8)),
            helper.make_node("Mul", [whole, f"{name}:step"], [f"{name}:upper"]),
            helper.make_node("Add", [f"{name}:upper", f"{name}:low32"], [f"{name}:whole"]),
        ]
        whole = f"{name}:whole"
    return [
        *nodes,
        helper.make_node("Constant", [], [f"{name}:unit"], value_float=1 / _most(bits)),
        helper.make_node("Mul", [f"{name}:peak32", f"{name}:unit"], [f"{name}:scale"]),
        helper.make_node("Mul", [whole, f"{name}:scale"], [f"{name}:blocks"]),
        helper.make_node("Constant", [], [f"{name}:shape"], value_ints=shape),
        helper.make_node("Reshape", [f"{name}:blocks", f"{name}:shape"], [name]),
    ]


def _look_up(nodes: list[Any], node: Any, name: str, parts: list[str], bits: int) -> None:
    """Let a node that looks rows up, (N, T, columns), look up the parts of these alone."""
    from onnx import helper

    (output,), indices = node.output, node.input[1]
    looks = [helper.make_node(node.op_type, [f"{name}:{part}", indices], [f"{output}:{part}"]) for part in parts]
    at = nodes.index(node)
    nodes[at : at + 1] = [*looks, *_joined(output, parts, [0, 0, -1], bits)]


def _use(nodes: list[Any], node: Any, name: str) -> None:
    """Let a node use a matrix that is float32 now; one that made it so from float16 is left out."""
    if node.op_type != "Cast":
        return  # by the same name
    for other in nodes:
        for i, value in enumerate(other.input):
            if value == node.output[0]:
                other.input[i] = name
    nodes.remove(node)
