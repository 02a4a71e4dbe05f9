import pytest
import torch

from gan.training.augment import CUTOUT, DRAWS, AdaptiveChance, augment, keep, translate

N = 64


def images(n: int = N) -> torch.Tensor:
    return torch.rand(n, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def augmented(img: torch.Tensor, chance: float) -> torch.Tensor:
    return augment(img, chance, torch.rand(len(img), DRAWS, generator=torch.Generator().manual_seed(0)))


def test_without_a_chance_nothing_happens() -> None:
    assert torch.equal(augmented(images(), 0.0), images())


def test_a_chance_is_the_share_of_images_that_change() -> None:
    img = images(400)
    changed = (augmented(img, 0.3) != img).flatten(1).any(1).float().mean()
    assert abs(changed - (1 - 0.7 * 0.7)) < 0.08  # moved or cut
    assert (augmented(img, 1.0) != img).flatten(1).any(1).all()


def test_images_move_by_whole_pixels_and_repeat_their_edge() -> None:
    img = images(3)
    moved = translate(img, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, -1.0]]))
    assert torch.equal(moved[0], img[0])
    assert torch.equal(moved[1, :, 8:], img[1, :, :-8])  # an eighth of 64 down
    assert torch.equal(moved[1, :, :8], img[1, :, :1].expand(-1, 8, -1))
    assert torch.equal(moved[2, :, :, :-8], img[2, :, :, 8:])  # and to the left
    assert torch.equal(moved[2, :, :, -8:], img[2, :, :, -1:].expand(-1, -1, 8))


def test_a_square_is_cut_where_it_was_drawn() -> None:
    mask = keep(images(2), torch.tensor([[0.5, 0.25], [0.5, 0.5]]), torch.tensor([[True], [False]]))
    side = int(64 * CUTOUT)
    assert (mask[0] == 0).sum() == side * side
    assert mask[0, 0, 32, 16] == 0
    assert mask[0, 0, 32, 48] == 1
    assert (mask[1] == 1).all()


def test_colours_stay_as_they_are() -> None:
    colours = torch.tensor([0.1, -0.7, 0.9])
    drawn = augmented(colours.view(1, 3, 1, 1).expand(N, -1, 64, 64), 1.0)
    pixels = drawn.permute(0, 2, 3, 1).reshape(-1, 3).unique(dim=0)
    assert {tuple(pixel) for pixel in pixels.tolist()} == {tuple(colours.tolist()), (0.0, 0.0, 0.0)}


def test_gradients_reach_the_pixels_that_stay() -> None:
    img = images(8).requires_grad_(True)
    augmented(img, 1.0).sum().backward()
    assert (img.grad > 0).flatten(1).float().mean() > 0.5
    assert torch.allclose(img.grad.sum(), augmented(torch.ones(8, 3, 64, 64), 1.0).sum())


def test_an_adaptive_chance_rises_while_held_out_images_score_as_drawn_ones() -> None:
    ada = AdaptiveChance(torch.zeros(3, 3, 2, 2, dtype=torch.uint8), torch.eye(3), 0.5, 1000)
    assert ada.update(2.0, -0.8, -1.0, 100) == pytest.approx(2.8 / 3)
    assert ada.chance == pytest.approx(0.6)
    assert ada.update(2.0, 1.9, -1.0, 200) == pytest.approx(0.1 / 3)
    assert ada.chance == pytest.approx(0.4)
    ada.update(-1.0, 0.0, 2.0, 100)  # a discriminator that tells nothing apart does not overfit
    assert ada.chance == pytest.approx(0.3)
    for _ in range(20):
        ada.update(1.0, -1.0, -1.0, 100)
    assert ada.chance == 0.8
    for _ in range(20):
        ada.update(1.0, 1.0, -1.0, 100)
    assert ada.chance == 0.0
    images, c = ada.pick(5, torch.Generator().manual_seed(0))
    assert images.shape == (5, 3, 2, 2)
    assert (images == -1).all()
    assert c.sum(1).tolist() == [1] * 5
