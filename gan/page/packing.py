"""Networks for the page: a graph, and beside it the large weights in few bits, which the page unfolds to float32.

Large tensors become whole numbers that share a scale with a few others. Numbers of more than eight bits lie in two
parts, the upper eight and the rest, which gzip packs to about their bits. Nothing else of a graph changes: states that
are quantised too, as "dynamic" quantisation does, read colours wrongly. As the weights are no part of the graph, ONNX
Runtime holds them once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

TEXT_BITS = ((8, 8), (10, 12), (10, 13), (11, 13), (12, 14), (16, 16))
"""Bits of a number of the text encoder's table of words, and of its layers: smallest first."""
MOST_BITS = 16
"""Bits of a number of the networks of images."""
BLOCK = 32
"""Numbers that share a scale: the largest of them is the largest whole number."""
LEAST = 2**12
"""Tensors of fewer numbers stay as they are: biases, and norms."""
LOCATION = "weights"
"""Where a graph looks for its large weights."""
_LOOK_UPS = ("Gather", "GatherND")


@dataclass(frozen=True)
class Packed:
    """A network as the page gets it.

    Attributes:
        rounded: The whole graph, with the weights that the page will unfold.
        graph: The graph without its large weights.
        weights: These, packed: of each tensor the upper eight bits of all numbers (int8), where there are more the
            others (uint8), and a scale for each block (float16).
        tensors: How many numbers each tensor has, and of how many bits, in their order.
    """

    rounded: bytes
    graph: bytes
    weights: bytes
    tensors: list[tuple[int, int]]


def packed(graph: bytes, bits: int = MOST_BITS, word_bits: int = MOST_BITS) -> Packed:
    """Pack a graph in numbers of 8 to 16 bits; ``word_bits`` are those of a tensor whose rows are looked up."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    parts, tensors, values = [], [], {}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) < LEAST or math.prod(tensor.dims) % BLOCK:
            continue
        users = [node.op_type for node in model.graph.node if tensor.name in node.input]
        own = word_bits if len(users) == 1 and users[0] in _LOOK_UPS else bits
        data, values[tensor.name] = packed_numbers(numpy_helper.to_array(tensor).astype(np.float32), own)
        parts.append(data)
        tensors.append((values[tensor.name].size, own))
    del model.graph.value_info[:]  # what was float16 is float32 now
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))
    onnx.checker.check_model(model)
    rounded, at = bytes(model.SerializeToString()), 0
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            length = 4 * values[tensor.name].size
            for key, value in {"location": LOCATION, "offset": at, "length": length}.items():
                tensor.external_data.add(key=key, value=str(value))
            at += length
    return Packed(rounded, bytes(model.SerializeToString()), b"".join(parts), tensors)


def packed_numbers(tensor: np.ndarray, bits: int) -> tuple[bytes, np.ndarray]:
    """The packed numbers of a float32 tensor, and what they are unfolded to."""
    rest, most = bits - 8, 2 ** (bits - 1) - 1
    blocks = tensor.reshape(-1, BLOCK)
    largest = np.abs(blocks).max(1, keepdims=True)
    peak = np.maximum(largest, 1e-4).astype(np.float16)
    peak = np.where(peak < largest, np.nextafter(peak, np.float16(np.inf)), peak)  # float16 has few digits: never below
    whole = np.round(blocks / peak.astype(np.float32) * most).astype(np.int16)
    parts = [(whole >> rest).astype(np.int8), *([(whole & (2**rest - 1)).astype(np.uint8)] if rest else []), peak]
    scale = peak.astype(np.float32) * np.float32(1 / most)
    return b"".join(part.tobytes() for part in parts), (whole.astype(np.float32) * scale).reshape(tensor.shape)
