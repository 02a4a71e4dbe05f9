"""One file per architecture, each with a ``Generator`` and a ``Discriminator``; the file's name is its key."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from torch import Tensor, nn

from encoder.common import weights
from encoder.common.errors import InputError
from encoder.common.records import Within, check

ARCHITECTURES: tuple[str, ...] = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
"""Every architecture there is; a new file in this folder is enough to join."""

Size = Annotated[int, Within(1, 2048)]
SIZES = tuple[Size, ...]
_KINDS = {bool: bool, int: Size, float: Annotated[float, Within(0, 1e6)]}
"""What an argument of a network may be, by its default: far beyond what trains, and within what a memory holds."""


class TextToImageGenerator(nn.Module):
    """A generator: noise ``z (N, z_dim)`` and conditions ``c (N, c_dim)`` to images in [-1, 1].

    Attributes:
        resolution: height and width of its images; the discriminator of its file takes the same.
        separate_layout: whether ``forward`` takes noise of its own for the layout, as a third argument.
        first_stage: the architecture whose trained generator it holds, frozen, as ``stage1``; mostly there is none.
        arguments: of its architecture, as ``build_generator`` got them, with the defaults of the rest.
        for_captions: arguments that suit images of any captions better than the defaults, which are those of faces.
        widens: arguments, each a number of channels, that a run may raise over those of the model that it starts from.
        regulariser: what the statistics call ``regularisation``; empty where there is none.
    """

    for_captions: ClassVar[dict[str, Any]] = {}
    widens: ClassVar[frozenset[str]] = frozenset()
    regulariser: ClassVar[str] = ""
    resolution: int = 64
    separate_layout: bool = False
    first_stage: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {}

    def regularisation(self, c: Tensor) -> Tensor:
        """A scalar of the network's own that is added to the generator's loss; 0 for most."""
        return c.new_zeros(())

    def fit_to_conditions(self, batches: Iterable[Tensor]) -> None:
        """Before new weights are trained: fit what depends on how large conditions (N, c_dim) are; mostly nothing.

        Batches are drawn as they are read.
        """


class ImageTextDiscriminator(nn.Module):
    """A discriminator that scores in two parts, so that the features of an image serve several texts.

    Attributes:
        resolution: height and width of the images it takes.
        feature_dim: how many numbers an image's features hold, flattened; 0 is not stated.
        class_heads: one for each class slot, once an objective has asked for them.
        widens, arguments: of its architecture, as those of a generator.
    """

    widens: ClassVar[frozenset[str]] = frozenset()
    resolution: int = 64
    feature_dim: int = 0
    class_heads: nn.ModuleList

    def __init__(self) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {}

    def features(self, img: Tensor) -> Tensor:
        """Images ``(N, 3, resolution, resolution)`` in [-1, 1] -> features, of any shape that starts with ``N``."""
        raise NotImplementedError

    def score(self, features: Tensor, c: Tensor) -> Tensor:
        """How real the image is and how well it fits ``c (N, c_dim)``: ``(N,)``, unbounded, higher is better."""
        raise NotImplementedError

    def forward(self, img: Tensor, c: Tensor) -> Tensor:
        """``score(features(img), c)``."""
        return self.score(self.features(img), c)

    def add_class_heads(self, sizes: Sequence[int]) -> None:
        """A linear classifier of each class slot on the features of an image; an argument from now on."""
        self.arguments["class_heads"] = list(sizes)
        self.class_heads = nn.ModuleList(nn.Linear(self.feature_dim, size) for size in sizes)

    def classify(self, features: Tensor) -> list[Tensor]:
        """Features -> logits ``(N, size)`` of each class slot."""
        flat = features.reshape(len(features), -1)
        return [head(flat).float() for head in self.class_heads]


def caption_arguments(architecture: str) -> dict[str, Any]:
    """What ``build_generator`` of an architecture is best given for images of any captions."""
    return dict(_network("Generator", architecture).for_captions)


def _network(role: str, architecture: str) -> Any:
    if architecture not in ARCHITECTURES:
        raise InputError(f"no architecture {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    return getattr(importlib.import_module(f"{__name__}.{architecture}"), role)


def _build(role: str, architecture: str, sizes: dict[str, int], arguments: dict[str, Any]) -> Any:
    network = _network(role, architecture)
    defaults = _defaults(network)
    try:
        _check_arguments(arguments, defaults)
        if first := getattr(network, "first_stage", ""):
            _check_arguments(arguments.get("stage1") or {}, _defaults(_network(role, first)))
        built = network(**sizes, **arguments)
    except (TypeError, ValueError, IndexError, RuntimeError, ArithmeticError) as error:
        raise InputError(
            f"{architecture}: the {role.lower()} cannot be built ({error}); correct its arguments"
        ) from error
    built.arguments = {**defaults, **arguments}  # all of them: a release stays whole when a default changes
    return built


def _defaults(network: Any) -> dict[str, Any]:
    """The arguments of a network that an architecture has of its own, with their defaults."""
    parameters = inspect.signature(network).parameters.items()
    return {name: value.default for name, value in parameters if value.default is not value.empty}


def _check_arguments(arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an argument of a network that is not of the form of its default."""
    for name, value in arguments.items():
        if name not in defaults:
            raise ValueError(f"{name!r} is not one of {', '.join(defaults) or 'its arguments, of which it has none'}")
        default = defaults[name]
        is_list = isinstance(default, (tuple, list))
        check(value, SIZES if is_list else _KINDS.get(type(default), dict[str, Any] | None), "", name)
        if is_list and len(value) != len(default):
            raise ValueError(f"{name} is {str(value)[:100]}; it must be {len(default)} whole numbers")


def build_generator(architecture: str, *, z_dim: int, c_dim: int, **arguments: Any) -> TextToImageGenerator:
    """A new generator; ``arguments`` holds the architecture's own arguments. Unusable ones are an ``InputError``."""
    network: TextToImageGenerator = _build("Generator", architecture, {"z_dim": z_dim, "c_dim": c_dim}, arguments)
    return network


def build_discriminator(
    architecture: str, *, c_dim: int, class_heads: Sequence[int] = (), **arguments: Any
) -> ImageTextDiscriminator:
    """A new discriminator, with class heads if need be; as ``build_generator``."""
    check(class_heads, SIZES, architecture, "class_heads")
    network: ImageTextDiscriminator = _build("Discriminator", architecture, {"c_dim": c_dim}, arguments)
    if class_heads:
        network.add_class_heads(class_heads)
    return network


def load_weights(network: nn.Module, path: Path) -> None:
    """Give a network the weights of a safetensors file, as float32 whatever PyTorch's default type.

    A file that is not whole or does not fit is an ``InputError``.
    """
    fit_weights(network.float(), weights.load(path), path)


def fit_weights(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give a network tensors that come from a file; ``InputError`` names it where they do not fit."""
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(f"{path}: the weights do not fit the network of the config ({reason})") from error
