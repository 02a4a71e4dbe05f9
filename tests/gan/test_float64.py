import pytest
import torch
import torch.nn.functional as F

import gan.drawing.exact_conv
from gan.drawing.exact_conv import FastFloat64


@pytest.mark.parametrize("padding", [0, 1, (2, 1)])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 3)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("large", [1, 1000])
def test_equals_torch(padding, kernel, bias, memory_format, large, monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight, shift = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((5, 4, 9, 7), (6, 4, *kernel), (6,))
    )
    x = x.contiguous(memory_format=memory_format)
    expected = F.conv2d(x, weight, shift if bias else None, padding=padding)
    monkeypatch.setattr(gan.drawing.exact_conv, "ROWS", 160)  # two images at a time, and one left over
    monkeypatch.setattr(gan.drawing.exact_conv, "LARGE", large)  # shifted, or window by window
    with torch.no_grad(), FastFloat64():
        result = F.conv2d(x, weight, shift if bias else None, padding=padding)
    torch.testing.assert_close(result, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"dtype": torch.float32}]
)
def test_other_calls_are_left_to_torch(options, monkeypatch) -> None:
    def must_not_run(*_args: object, **_kwargs: object) -> None:
        raise AssertionError

    for name in ("_windows", "_shifted"):
        monkeypatch.setattr(gan.drawing.exact_conv, name, must_not_run)
    dtype = options.pop("dtype", torch.float64)
    x, weight = torch.ones(1, 2, 8, 8, dtype=dtype), torch.ones(2, 2 // options.get("groups", 1), 3, 3, dtype=dtype)
    with torch.no_grad(), FastFloat64():
        result = F.conv2d(x, weight, **options)
    assert torch.equal(result, F.conv2d(x, weight, **options))


def test_gradients_are_left_to_torch() -> None:
    weight = torch.ones(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    with FastFloat64():
        F.conv2d(torch.ones(1, 1, 4, 4, dtype=torch.float64), weight).sum().backward()
    assert weight.grad is not None and weight.grad.flatten().tolist() == [4.0] * 9
