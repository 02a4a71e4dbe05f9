import copy
import math
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from releases import SMALL, SMALL_D
from torch import nn

import gan.networks
from encoder.common.errors import InputError
from gan.networks import ARCHITECTURES, ImageTextDiscriminator, build_discriminator, build_generator
from gan.networks.stackgan1 import ConditioningAugmentation

Z_DIM, C_DIM, N = 8, 25, 2


def trained_a_little(network: nn.Module) -> nn.Module:
    """The network with its weights moved off their start, where a modulation may be the identity."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return network


@pytest.fixture(scope="module", params=ARCHITECTURES)
def G(request) -> nn.Module:  # noqa: N802
    torch.manual_seed(0)
    network = SMALL.get(request.param, {})
    return trained_a_little(build_generator(request.param, z_dim=Z_DIM, c_dim=C_DIM, **network)).eval()


@pytest.fixture(scope="module", params=ARCHITECTURES)
def D(request) -> nn.Module:  # noqa: N802
    torch.manual_seed(0)
    return build_discriminator(request.param, c_dim=C_DIM, **SMALL_D.get(request.param, {})).eval()


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pictures(D: ImageTextDiscriminator) -> torch.Tensor:
    return noise(N, 3, D.resolution, D.resolution).tanh()


@torch.no_grad()
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_of_full_size_agree_on_the_size_of_pictures_and_features(architecture) -> None:
    assert {"baseline", "residual", "stackgan1", "stackgan2"} <= set(ARCHITECTURES)
    G = build_generator(architecture, z_dim=Z_DIM, c_dim=C_DIM)
    D = build_discriminator(architecture, c_dim=C_DIM)
    assert G.resolution == D.resolution
    assert D.features(pictures(D)).flatten(1).shape == (N, D.feature_dim)


def test_a_generator_knows_all_its_arguments() -> None:
    G = build_generator("residual", z_dim=Z_DIM, c_dim=C_DIM, widths=[8, 8, 8, 8], style_dim=8)
    own = {"widths": [8, 8, 8, 8], "style_dim": 8}
    assert G.arguments == own | {"detail_width": 32, "text_layout": False, "bounded": True}
    assert G.regularisation(noise(N, C_DIM)) == 0


@torch.no_grad()
def test_a_text_lays_out_the_start_only_where_it_is_asked_to() -> None:
    z, c = noise(1, Z_DIM).repeat(2, 1), noise(2, C_DIM, seed=2)
    for text_layout in (False, True):
        G = build_generator("residual", z_dim=Z_DIM, c_dim=C_DIM, text_layout=text_layout, **SMALL["residual"])
        (a, b), (style_a, style_b) = G.layout_and_style(z, c)
        assert torch.equal(a, b) != text_layout
        assert not torch.equal(style_a, style_b)


@torch.no_grad()
def test_pixels_are_held_within_bounds_unless_told_otherwise() -> None:
    z, c = 100 * noise(4, Z_DIM), noise(4, C_DIM, seed=2)
    free, bounded = (
        build_generator("residual", z_dim=Z_DIM, c_dim=C_DIM, bounded=bounded, **SMALL["residual"])
        for bounded in (False, True)
    )
    bounded.load_state_dict(free.state_dict())
    img = free(z, c)
    assert img.abs().max() > 1
    torch.testing.assert_close(bounded(z, c), img.tanh())


@torch.no_grad()
def test_a_generator_draws_in_range_each_image_from_its_own_noise_and_condition(G) -> None:
    z, c = noise(N, Z_DIM), noise(N, C_DIM, seed=2)
    extreme, img = G(100 * z, c), G(z, c)
    assert extreme.shape == img.shape == (N, 3, G.resolution, G.resolution)
    assert img.dtype == torch.float32
    assert extreme.abs().max() <= 1
    assert not torch.allclose(G(z.flip(0), c), img)
    assert not torch.allclose(G(z, c.flip(0)), img)
    torch.testing.assert_close(G(z[:1], c[:1]), img[:1], rtol=1e-4, atol=1e-5)
    double = copy.deepcopy(G).double()(z.double(), c.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), img, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_a_discriminator_scores_in_two_parts_and_in_float32(D) -> None:
    img, c = pictures(D), noise(N, C_DIM, seed=2)
    score = D(img, c)
    assert score.shape == (N,)
    assert score.dtype == torch.float32
    assert torch.equal(D.score(D.features(img), c), score)
    with torch.autocast("cpu", torch.bfloat16):  # losses take differences of scores, for which 8 bits are too few
        assert D(img, c).dtype == torch.float32


@torch.no_grad()
def test_what_a_text_adds_to_the_score_depends_on_the_image(D) -> None:
    """A score that is a sum of a part of the image and a part of the text could not tell whether the two fit."""
    img, c, c_wrong = pictures(D), noise(1, C_DIM, seed=2), noise(1, C_DIM, seed=3)
    features = D.features(img)
    difference = D.score(features, c.expand(N, -1)) - D.score(features, c_wrong.expand(N, -1))
    assert difference.abs().min() > 0
    assert (difference[0] - difference[1]).abs() > 1e-3 * difference.abs().max()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradient_reaches_every_weight(architecture) -> None:
    torch.manual_seed(0)
    G = trained_a_little(build_generator(architecture, z_dim=Z_DIM, c_dim=C_DIM, **SMALL.get(architecture, {})))
    D = build_discriminator(architecture, c_dim=C_DIM, **SMALL_D.get(architecture, {}))
    c = noise(N, C_DIM, seed=2)
    D(G(noise(N, Z_DIM), c), c).square().sum().backward()
    for network in (G, D):
        for name, parameter in network.named_parameters():
            if name.startswith("stage1."):
                assert parameter.grad is None, name  # a first stage is frozen
                continue
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            # A bias ahead of batch normalisation rightly has no gradient.
            assert parameter.dim() == 1 or parameter.grad.any(), name


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_unusable_arguments_are_bad_input(build) -> None:
    sizes = {"c_dim": C_DIM} | ({"z_dim": Z_DIM} if build is build_generator else {})
    with pytest.raises(InputError, match=r"no architecture 'cubist'; there are .*residual"):
        build("cubist", **sizes)
    with pytest.raises(InputError, match=r"residual: the .* cannot be built .*'depth'"):
        build("residual", **sizes, depth=3)
    with pytest.raises(InputError, match=r"residual: the .* cannot be built"):
        build("residual", **sizes, widths=[])


def test_a_new_file_is_a_new_architecture(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "copied_networks"
    shutil.copytree(Path(gan.networks.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "novel.py").write_text(
        "from torch import nn\n"
        "class Generator(nn.Linear):\n"
        "    def __init__(self, z_dim, c_dim):\n"
        "        super().__init__(z_dim, c_dim)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import copied_networks

    assert set(copied_networks.ARCHITECTURES) == {*ARCHITECTURES, "novel"}
    assert copied_networks.build_generator("novel", z_dim=2, c_dim=3).out_features == 3


# -- the baseline, against the assignment ----------------------------------------------------------------------------


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def output_shapes(network: nn.Module, *inputs: torch.Tensor) -> list[tuple[str, tuple[int, ...]]]:
    """(type, output shape without the batch) of every layer with weights, in the order of the forward pass."""
    found: list[tuple[str, tuple[int, ...]]] = []
    for layer in network.modules():
        if next(layer.parameters(recurse=False), None) is not None:
            layer.register_forward_hook(
                lambda layer, _, out: found.append((type(layer).__name__, tuple(out.shape[1:])))
            )
    with torch.no_grad():
        network(*inputs)
    return found


@pytest.mark.parametrize("c_dim", [119, 25])
def test_baseline_generator_is_the_assignments(c_dim) -> None:
    G = build_generator("baseline", z_dim=100, c_dim=c_dim)
    assert output_shapes(G, noise(N, 100), noise(N, c_dim)) == [
        ("Linear", (256,)),  # Dense(256) of the text
        ("Linear", (8192,)),  # Dense(4*4*512) of text and noise
        ("BatchNorm2d", (512, 4, 4)),
        ("ConvTranspose2d", (256, 8, 8)),
        ("BatchNorm2d", (256, 8, 8)),
        ("ConvTranspose2d", (128, 16, 16)),
        ("BatchNorm2d", (128, 16, 16)),
        ("ConvTranspose2d", (64, 32, 32)),
        ("BatchNorm2d", (64, 32, 32)),
        ("ConvTranspose2d", (3, 64, 64)),
    ]
    dense = (c_dim + 1) * 256 + (100 + 256 + 1) * 8192
    convolutions = sum(25 * a * b + b for a, b in ((512, 256), (256, 128), (128, 64), (64, 3)))
    norms = 2 * (512 + 256 + 128 + 64)
    assert parameters(G) == dense + convolutions + norms == {119: 7_263_235, 25: 7_239_171}[c_dim]


@pytest.mark.parametrize("c_dim", [119, 25])
def test_baseline_discriminator_is_the_assignments(c_dim) -> None:
    D = build_discriminator("baseline", c_dim=c_dim)
    assert output_shapes(D, noise(N, 3, 64, 64), noise(N, c_dim)) == [
        ("Conv2d", (64, 32, 32)),  # the first convolution has no batch normalisation
        ("Conv2d", (128, 16, 16)),
        ("BatchNorm2d", (128, 16, 16)),
        ("Conv2d", (256, 8, 8)),
        ("BatchNorm2d", (256, 8, 8)),
        ("Conv2d", (512, 4, 4)),
        ("BatchNorm2d", (512, 4, 4)),
        ("Linear", (256,)),  # the text, then tiled to 4x4
        ("Conv2d", (512, 4, 4)),  # 1x1, over image and text
        ("Linear", (1,)),
    ]
    convolutions = sum(25 * a * b + b for a, b in ((3, 64), (64, 128), (128, 256), (256, 512)))
    norms = 2 * (128 + 256 + 512)
    joined = (c_dim + 1) * 256 + ((512 + 256) * 512 + 512) + (512 * 4 * 4 + 1)
    assert parameters(D) == convolutions + norms + joined == {119: 4_740_993, 25: 4_716_929}[c_dim]


def test_baseline_layers_have_the_assignments_constants() -> None:
    G, D = build_generator("baseline", z_dim=100, c_dim=119), build_discriminator("baseline", c_dim=119)
    layers = [*G.modules(), *D.modules()]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.1)}  # Keras's momentum .9 is PyTorch's .1
    convolutions = [layer for layer in layers if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    kernels = Counter((layer.kernel_size, layer.stride) for layer in convolutions)
    assert kernels == {((5, 5), (2, 2)): 8, ((1, 1), (1, 1)): 1}


def test_baseline_discriminator_without_normalisation() -> None:
    plain, normed = (build_discriminator("baseline", c_dim=25, norm=norm) for norm in (False, True))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in plain.modules())
    assert parameters(normed) - parameters(plain) == 2 * (128 + 256 + 512)


# -- StackGAN --------------------------------------------------------------------------------------------------------

SMALL1 = {"widths": [8, 8, 8, 4]}


@torch.no_grad()
def test_divergence_of_an_augmented_text() -> None:
    text = ConditioningAugmentation(3, 2)
    text.mu.weight.zero_()
    c = noise(5, 3)
    assert text.kl(c) == 0  # mu 0, sigma 1
    text.mu.bias.copy_(torch.tensor([1.0, 0.0]))
    assert text.kl(c).item() == pytest.approx(1 / 4)  # 1/2 of one number, the mean over two
    text.log_variance.bias.copy_(torch.tensor([0.0, math.log(4)]))
    assert text.kl(c).item() == pytest.approx((1 / 2 + (4 - 1 - math.log(4)) / 2) / 2)


@torch.no_grad()
def test_an_augmented_text_is_mu_plus_sigma_epsilon() -> None:
    text = ConditioningAugmentation(1, 1)
    text.mu.weight.fill_(3.0)
    text.log_variance.weight.fill_(2 * math.log(2))  # sigma is 2 ** c
    c, epsilon = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [-1.0]])
    torch.testing.assert_close(text(c, epsilon), torch.tensor([[1.0], [3.0 - 2.0]]))


@pytest.mark.parametrize("architecture", ["stackgan1", "stackgan2"])
def test_stackgan_asks_its_texts_to_stay_near_the_normal(architecture) -> None:
    G = build_generator(architecture, z_dim=Z_DIM, c_dim=C_DIM, kl_weight=3.0)
    c = noise(N, C_DIM)
    G.regularisation(c).backward()
    assert G.regularisation(c).item() == pytest.approx(3 * G.text.kl(c).item())
    assert G.text.mu.weight.grad.any()
    assert G.to_rgb.weight.grad is None


@torch.no_grad()
@pytest.mark.parametrize("scale", [1 / C_DIM**0.5, 1.0, 10.0])
def test_stackgan_begins_with_texts_as_loud_as_the_noise_whatever_conditions_are(scale) -> None:
    c = scale * noise(64, C_DIM)
    for architecture in ("stackgan1", "stackgan2"):
        G = build_generator(architecture, z_dim=Z_DIM, c_dim=C_DIM)
        G.fit_to_conditions([c])
        assert G.text.mu(c).square().mean().item() == pytest.approx(1, rel=1e-4)
        assert G.text.kl(c).item() == pytest.approx(0.5, rel=1e-4)


def test_stage_one_is_frozen_in_stage_two() -> None:
    G = build_generator("stackgan2", z_dim=Z_DIM, c_dim=C_DIM, stage1=SMALL1)
    before = {name: value.clone() for name, value in G.stage1.state_dict().items()}
    G.train()
    optimizer = torch.optim.SGD(G.parameters(), 0.1)
    for _ in range(2):
        G(noise(4, Z_DIM), noise(4, C_DIM)).sum().backward()
        optimizer.step()
    assert G.join.training
    assert not G.stage1.training
    for name, value in G.stage1.state_dict().items():
        assert torch.equal(value, before[name]), name


@torch.no_grad()
def test_stage_two_draws_from_stage_ones_picture_and_the_text() -> None:
    G = trained_a_little(build_generator("stackgan2", z_dim=Z_DIM, c_dim=C_DIM, stage1=SMALL1)).eval()
    z, c = noise(N, Z_DIM), noise(N, C_DIM, seed=2)
    img = G(z, c)
    seen: list[torch.Tensor] = []
    G.stage1.register_forward_hook(lambda _, inputs, out: seen.extend([*inputs, out]))
    G(z, c)
    assert torch.equal(seen[0], z)
    assert torch.equal(seen[1], c)
    assert seen[2].shape == (N, 3, 32, 32)
    with torch.no_grad():
        G.stage1.to_rgb.bias += 1
    assert not torch.allclose(G(z, c), img)


def test_an_odd_noise_cannot_be_halved() -> None:
    with pytest.raises(InputError, match=r"stackgan1: the generator cannot be built \(z_dim is 7, and it must be even"):
        build_generator("stackgan1", z_dim=7, c_dim=C_DIM)
