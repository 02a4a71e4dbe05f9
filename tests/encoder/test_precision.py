import pytest
import torch

from encoder.common.precision import BFLOAT16_INSTRUCTIONS, autocast, has_bfloat16


@pytest.mark.parametrize("instructions", [[], *[[name] for name in BFLOAT16_INSTRUCTIONS]])
def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch, instructions) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True} | dict.fromkeys(instructions, True))
    assert has_bfloat16() == bool(instructions)
    with autocast():
        assert torch.is_autocast_enabled("cpu") == bool(instructions)


def test_auto_is_float32_where_bfloat16_runs_at_half_the_rate(monkeypatch) -> None:
    capabilities = {"cpu_name": "Intel Xeon", "avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert not has_bfloat16()
    capabilities["amx_bf16"] = True
    assert has_bfloat16()
    capabilities |= {"cpu_name": "AMD EPYC", "amx_bf16": False}
    assert has_bfloat16()


@pytest.mark.parametrize("fast", [False, True])
def test_an_explicit_precision_is_kept(monkeypatch, fast) -> None:
    monkeypatch.setattr("encoder.common.precision.has_bfloat16", lambda _device: fast)
    x = torch.ones(2, 2)
    with autocast("bfloat16"):
        assert (x @ x).dtype == torch.bfloat16
    with autocast("float32"):
        assert (x @ x).dtype == torch.float32
