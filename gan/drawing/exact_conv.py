"""Fast float64 convolutions on the CPU, for pictures that come out the same on every machine.

Float32 kernels differ in the last bits from one processor, batch size or number of threads to the next, and over a
whole picture some pixel always lies close enough to a rounding boundary to show it. In float64 the differences are
near 1e-16, and rounding to uint8 hides them. PyTorch's own float64 convolution leaves most of the processor idle; the
one here gives the matrix product of the BLAS library pieces of a good size, and takes half the time.

Small images are multiplied window by window, a row of the kernel at a time. In large ones the windows would be too
much to copy: there a pixel of the kernel meets the padded image, shifted by its place, with nothing copied; what it
makes of the padding is computed in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

ROWS = 4096  # output pixels per matrix product: their windows stay in the processor's cache
LARGE = 1024  # output pixels of an image from which on it is shifted


def fast_convolutions(dtype: torch.dtype) -> AbstractContextManager[object]:
    """A context in which convolutions of a type are as fast as they can be: ``FastFloat64`` for float64."""
    return FastFloat64() if dtype == torch.float64 else nullcontext()


class FastFloat64(TorchFunctionMode):
    """Within this context, plain 2-d convolutions (no stride, dilation or groups) of float64 on the CPU run faster.

    Any other call is left as it is. The results are those of ``torch.nn.functional.conv2d`` up to rounding.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        output = _conv2d(*args, **kwargs) if func is F.conv2d else None
        return func(*args, **kwargs) if output is None else output


def _conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor | None:
    """``torch.nn.functional.conv2d``; ``None`` where it is left to PyTorch."""
    ones = (1, (1, 1), [1, 1])
    is_plain = (
        input.dtype == torch.float64
        and input.device.type == "cpu"
        and input.dim() == 4
        and groups == 1
        and stride in ones
        and dilation in ones
        and not isinstance(padding, str)
        and not (torch.is_grad_enabled() and (input.requires_grad or weight.requires_grad))
    )
    if not is_plain:
        return None
    pad_h, pad_w = (padding, padding) if isinstance(padding, int) else padding
    _, _, kernel_h, kernel_w = weight.shape
    padded = F.pad(input.permute(0, 2, 3, 1), (0, 0, pad_w, pad_w, pad_h, pad_h)).contiguous()  # (N, H, W, C)
    _, padded_h, padded_w, _ = padded.shape
    height, width = padded_h - kernel_h + 1, padded_w - kernel_w + 1
    if bias is None:
        bias = weight.new_zeros(len(weight))
    multiply = _shifted if height * width >= LARGE else _windows
    return multiply(padded, weight, bias, height, width).permute(0, 3, 1, 2)


def _windows(padded: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """``padded (N, H, W, C)`` convolved: (N, ``height``, ``width``, D); a matrix product a row of the kernel."""
    out_channels, in_channels, kernel_h, kernel_w = weight.shape
    n, padded_h, _, _ = padded.shape
    # A run is kernel_w neighbours in a row: a view whose runs overlap.
    run = kernel_w * in_channels
    runs = padded.as_strided((n, padded_h, width, run), (*padded.stride()[:3], 1))
    matrices = weight.permute(2, 3, 1, 0).reshape(kernel_h, run, out_channels)
    output = padded.new_empty(n, height, width, out_channels)
    images = max(1, ROWS // (height * width))
    for i in range(0, n, images):
        # With the rows first, the runs that one row of the kernel meets are one matrix: (height * images * width, run).
        piece = runs[i : i + images].transpose(0, 1).reshape(padded_h, -1, run)
        total = torch.addmm(bias, piece[:height].flatten(0, 1), matrices[0])
        for k in range(1, kernel_h):
            total.addmm_(piece[k : k + height].flatten(0, 1), matrices[k])
        output[i : i + images] = total.view(height, -1, width, out_channels).transpose(0, 1)
    return output


def _shifted(padded: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """As ``_windows``; a matrix product a pixel of the kernel."""
    out_channels, in_channels, kernel_h, kernel_w = weight.shape
    n, padded_h, padded_w, _ = padded.shape
    pixels = padded.view(-1, in_channels)
    matrices = weight.permute(2, 3, 1, 0).reshape(-1, in_channels, out_channels)
    first, *shifts = [y * padded_w + x for y in range(kernel_h) for x in range(kernel_w)]
    output = padded.new_empty(len(pixels), out_channels)
    end = len(pixels) - (shifts[-1] if shifts else 0)  # the last pixel that a whole kernel begins at
    for i in range(first, end, ROWS):
        piece = output[i : min(i + ROWS, end)]
        torch.addmm(bias, pixels[i : i + len(piece)], matrices[0], out=piece)
        for shift, matrix in zip(shifts, matrices[1:], strict=True):
            piece.addmm_(pixels[i + shift : i + shift + len(piece)], matrix)
    return output.view(n, padded_h, padded_w, out_channels)[:, :height, :width]
