"""The networks of a run: the generator, its average and the discriminator, with their optimizers."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from encoder.attributes.space import colours_to_learn
from encoder.base import Encoder
from encoder.common import weights
from encoder.common.errors import BreakdownError, InputError
from gan.networks import ImageTextDiscriminator, TextToImageGenerator, build_discriminator, build_generator, fit_weights
from gan.pipeline import TextToImage
from gan.release import DISCRIMINATOR_FILE, WEIGHTS_FILE, ReleaseConfig
from gan.sources import condition_dim, refit_sources, same_places
from gan.training.config import TrainingConfig
from gan.training.ema import ema_decay, update_ema
from gan.training.objectives import OBJECTIVES
from gan.training.state import check_optimizer, check_weights

STATEFUL = ("G", "D", "G_ema", "opt_G", "opt_D")
logger = logging.getLogger(__name__)


class NonFiniteError(BreakdownError):
    """A loss or a weight is no longer a number; the last saved state is from before it."""


class Networks:
    """Generator and discriminator with their optimizers, and the averaged generator that is shown and released.

    Args:
        config: The settings; the weights are drawn from ``config.seed``.
        encoder: Of the texts: gives the size of the condition.
        class_sizes: Of the class slots, for an objective that classifies.

    Raises:
        InputError: The networks cannot be built, or do not go with the objective or with each other.
    """

    def __init__(
        self,
        config: TrainingConfig,
        encoder: Encoder,
        sources: tuple[str, ...],
        class_sizes: tuple[int, ...],
        device: torch.device,
    ) -> None:
        self.config, self.sources = config, sources
        self.c_dim = c_dim = condition_dim(encoder.dim, sources)
        self.space = encoder.space.name
        torch.manual_seed(config.seed)  # of the weights
        self.G, self.D = _build(config, c_dim)
        _insert_first_stage(self.G, config, encoder, sources)
        self.objective = OBJECTIVES[config.objective]()
        self.objective.prepare(self.D, class_sizes)
        for network in (self.G, self.D):  # channels_last is the convolutions' fastest layout
            network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.weights_G = [weight for weight in self.G.parameters() if weight.requires_grad]
        adam: dict[str, Any] = {"lr": config.lr, "betas": (config.beta1, config.beta2), "eps": 1e-8, "fused": True}
        self.opt_G = torch.optim.Adam(self.G.parameters(), **adam)
        self.opt_D = torch.optim.Adam(self.D.parameters(), **adam)

    def fit_to_conditions(self, batches: Iterable[Tensor]) -> None:
        """Fit new weights to batches of conditions (N, c_dim) like those that they will see."""
        self.G.fit_to_conditions(batches)
        self.G_ema.load_state_dict(self.G.state_dict())

    def follow_schedules(self, cur_nimg: int) -> None:
        """Give the optimizers their settings after ``cur_nimg`` images."""
        for optimizer, factor in ((self.opt_G, 1.0), (self.opt_D, self.objective.d_lr)):
            for group in optimizer.param_groups:
                group["lr"] = factor * self.config.at("lr", cur_nimg)
                group["betas"] = (self.config.beta1, self.config.at("beta2", cur_nimg))

    def average(self, cur_nimg: int) -> None:
        """Take a step of the generator, the one to ``cur_nimg`` images, into its average."""
        half_life = self.config.at("ema_images", cur_nimg)
        update_ema(self.G_ema, self.G, ema_decay(self.config.batch_size, cur_nimg, half_life, self.config.ema_rampup))

    def raise_if_non_finite(self, cur_nimg: int) -> None:
        """Raises ``NonFiniteError`` where a network is broken, which a loss shows one step later."""
        networks = {"G": self.G, "D": self.D, "G_ema": self.G_ema}
        norms = {name: nn.utils.get_total_norm(network.parameters()).item() for name, network in networks.items()}
        raise_if_non_finite({f"the norm of {name}'s weights": norm for name, norm in norms.items()}, cur_nimg)

    def state(self) -> dict[str, Any]:
        """Weights and the optimizers' moments."""
        return {name: getattr(self, name).state_dict() for name in STATEFUL}

    def load_state(self, state: dict[str, Any], source: Path) -> None:
        """The inverse of ``state``; ``InputError`` names ``source`` where it is of other networks, or damaged."""
        for name in STATEFUL:
            own, where = getattr(self, name), f"{source}: {name}"
            if isinstance(own, nn.Module):
                check_weights(state[name], own.state_dict(), where)
            else:
                check_optimizer(state[name], own, where)
        for name in STATEFUL:
            getattr(self, name).load_state_dict(state[name])

    def start_from(self, release: Path, start_config: ReleaseConfig) -> None:
        """Take the weights of a released folder; ``InputError`` where one of its files is missing or does not fit."""
        space = start_config.conditioning.space
        new_numbers = colours_to_learn(space, self.space)
        other_encoder = space != self.space and not new_numbers
        heads = [arguments.get("class_heads", []) for arguments in (start_config.discriminator, self.D.arguments)]
        if heads[0] != heads[1]:
            raise InputError(
                f"{release}: its discriminator tells classes of {heads[0] or 'no'} sizes, and this run's of "
                f"{heads[1] or 'no'}; give the --objective and the classes of that run, or give --init none"
            )

        def refitted(network: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            if other_encoder:
                return self._with_new_maps(network, tensors)
            if not new_numbers and same_places(start_config.sources, self.sources):
                return tensors
            return self._refitted(network, tensors, start_config.sources, new_numbers)

        _fit_release(self.G, self.D, release, start_config, refitted)
        self.G_ema.load_state_dict(self.G.state_dict())
        if other_encoder:
            logger.warning(
                "%s: was trained with the text encoder %s, and this run's is %s: the layers that read texts begin anew",
                *(release, space, self.space),
            )

    def _with_new_maps(
        self, network: TextToImageGenerator | ImageTextDiscriminator, tensors: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Weights of a network, but for the maps of conditions, which stay those of ``network``."""
        own = network.state_dict()
        maps = {f"{name}.{part}" for name in self._maps_of_conditions(network) for part in ("weight", "bias")}
        return {name: own[name] if name in maps else tensor for name, tensor in tensors.items()}

    def _refitted(
        self,
        network: TextToImageGenerator | ImageTextDiscriminator,
        tensors: dict[str, Tensor],
        start_sources: tuple[str, ...],
        more: int,
    ) -> dict[str, Tensor]:
        """Weights of a network of ``start_sources`` and ``more`` numbers a text fewer, for those of this run."""
        result, c_dim = (
            dict(tensors),
            self.c_dim - more + condition_dim(0, start_sources) - condition_dim(0, self.sources),
        )
        for name in self._maps_of_conditions(network):
            pair = f"{name}.weight", f"{name}.bias"
            weight, bias = (tensors.get(key, torch.empty(0)).float() for key in pair)
            if weight.shape == (len(bias), c_dim):  # others do not fit, as will be told
                result |= zip(pair, refit_sources(weight, bias, start_sources, self.sources, more), strict=True)
        return result

    def _maps_of_conditions(self, network: TextToImageGenerator | ImageTextDiscriminator) -> list[str]:
        """The linear maps that take conditions as they are: those that are wider in a network of wider ones."""
        sizes = {"z_dim": self.config.z_dim} if network is self.G else {}
        build: Any = build_generator if network is self.G else build_discriminator
        with torch.random.fork_rng(devices=[]):  # building on the meta device would import for three seconds
            wider = build(self.config.architecture, c_dim=self.c_dim + 1, **sizes, **network.arguments)
        own = dict(network.named_modules())
        return [
            name
            for name, module in wider.named_modules()
            if isinstance(module, nn.Linear) and module.in_features != getattr(own[name], "in_features", None)
        ]


def check_networks(config: TrainingConfig, start: ReleaseConfig | None) -> None:
    """Raise ``InputError`` where a run would not come to its first step, before its images are read.

    The networks cannot be built, do not go with the objective or the first stage, or are not those of the release
    ``start`` that the run starts from.
    """
    objective = OBJECTIVES[config.objective]()
    G, D = _build(config, start.c_dim if start and config.release else 2)
    if start and config.release:
        if objective.classifies and not start.discriminator.get("class_heads"):
            raise InputError(
                f"{config.release}: its discriminator tells no classes, and {config.objective} does; "
                "give the --objective of that run, or give --init none"
            )
        _fit_release(G, D, Path(config.release), start)
    objective.prepare(D, (2,))
    _first_stage(G, config)


def _build(config: TrainingConfig, c_dim: int) -> tuple[TextToImageGenerator, ImageTextDiscriminator]:
    """New networks of the settings, the first stage aside."""
    G = build_generator(config.architecture, z_dim=config.z_dim, c_dim=c_dim, **config.generator)
    return G, build_discriminator(config.architecture, c_dim=c_dim, **config.discriminator)


def _fit_release(
    G: TextToImageGenerator,
    D: ImageTextDiscriminator,
    release: Path,
    start: ReleaseConfig,
    refitted: Callable[[Any, dict[str, Tensor]], dict[str, Tensor]] = lambda _, tensors: tensors,
) -> None:
    """Give networks the weights of a release, as ``refitted`` makes them; ``InputError`` where they do not fit."""
    pairs = (G, start.network, WEIGHTS_FILE), (D, start.discriminator, DISCRIMINATOR_FILE)
    other = {
        name for own, theirs, _ in pairs for name, value in own.arguments.items() if theirs.get(name, value) != value
    }
    is_wider = bool(other) and other <= G.widens | D.widens
    try:
        for network, _, name in pairs:
            tensors = refitted(network, weights.load(release / name))
            fit_weights(network, _widened(network, tensors) if is_wider else tensors, release / name)
    except InputError as error:
        if not other:
            raise
        raise InputError(
            f"{release}: has networks of another size ({', '.join(sorted(other))}); leave these out of --generator and "
            "--discriminator"
        ) from error


def _widened(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a narrower network for ``network``, which computes the same: nothing old reads a new channel."""
    result = dict(tensors)
    for name, own in network.state_dict().items():
        old = tensors.get(name, own)
        is_narrower = old.dim() == own.dim() and all(a <= b for a, b in zip(old.shape, own.shape, strict=True))
        if is_narrower and old.shape != own.shape:
            result[name] = own.clone()
            result[name][: len(old)] = 0
            result[name][tuple(slice(size) for size in old.shape)] = old
    return result


def _first_stage(G: TextToImageGenerator, config: TrainingConfig) -> ReleaseConfig | None:
    """The release of ``config.stage1``; ``InputError`` where it is missing, not asked for or another architecture."""
    if not G.first_stage:
        if config.stage1:
            raise InputError(f"--stage1: {config.architecture} has no first stage; leave the option out")
        return None
    if not config.stage1:
        raise InputError(
            f"{config.architecture} refines what a trained {G.first_stage} draws; "
            "give the snapshot folder of such a run by --stage1"
        )
    start = ReleaseConfig.read(Path(config.stage1))
    if start.architecture != G.first_stage:
        raise InputError(
            f"{config.stage1}: holds a {start.architecture}, and {config.architecture} refines a {G.first_stage}; "
            "give the snapshot folder of such a run"
        )
    if start.z_dim != config.z_dim:
        raise InputError(f"{config.stage1}: was trained with --z-dim {start.z_dim}; give this run the same")
    return start


def _insert_first_stage(
    G: TextToImageGenerator, config: TrainingConfig, encoder: Encoder, sources: tuple[str, ...]
) -> None:
    """Put the generator of ``config.stage1``, frozen, in its place in ``G``; most architectures have none."""
    start = _first_stage(G, config)
    if start is None:
        return
    if start.sources != sources and max(len(start.sources), len(sources)) > 1:
        raise InputError(
            f"{config.stage1}: was trained on the sources {', '.join(start.sources)}, this run's are "
            f"{', '.join(sources)}; give the same"
        )
    G.stage1 = TextToImage.from_pretrained(config.stage1, encoder=encoder, dtype=torch.float32).G
    G.arguments["stage1"] = start.network


def raise_if_non_finite(values: dict[str, float], cur_nimg: int) -> None:
    """Raises ``NonFiniteError`` where one of the values, by their names, is no number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise NonFiniteError(f"{name} is {value} after {cur_nimg} images")
