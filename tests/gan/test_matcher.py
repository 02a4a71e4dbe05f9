from __future__ import annotations

import pytest
import torch

from encoder.common.errors import InputError
from gan.evaluation import matcher as module
from gan.evaluation.matcher import CaptionPool, augment, first_of


def test_an_image_is_ranked_among_the_wrong_captions_alone() -> None:
    scores = torch.tensor([[0.5, 0.9, 0.1], [0.5, 0.9, 0.1], [0.5, 0.5, 0.1]])
    own = torch.tensor([0, 0, 0])
    others = torch.tensor([[False, True, True], [False, False, True], [False, True, False]])
    found = first_of(scores, own, others, torch.Generator().manual_seed(0))
    assert found.tolist() == [False, True, False]  # of the second, caption 1 is no rival; a tie is lost


def test_no_more_than_99_rivals_are_drawn() -> None:
    scores = torch.zeros(2000, 400)
    scores[:, 1] = 1  # one of 399 wrong captions is better: it is among the 99 that are drawn a quarter of the time
    scores[:, 0] = 0.5
    others = (torch.arange(400) > 0).expand(2000, -1)
    found = first_of(scores, torch.zeros(2000, dtype=torch.int64), others, torch.Generator().manual_seed(0))
    assert found.double().mean().item() == pytest.approx(1 - 99 / 399, abs=0.03)


def test_wrong_captions_are_of_images_that_share_none_and_are_of_another_group() -> None:
    captions = [["A  cat", "pet"], ["a dog", "pet"], ["a cat"], ["a rose"], ["a tulip", "A rose"], ["a fern"]]
    pool = CaptionPool(captions, [None, None, None, "plant", None, "plant"], lambda texts: torch.eye(len(texts)))
    assert pool.texts == ["a cat", "pet", "a dog", "a rose", "a tulip", "a fern"]
    others = pool.others(torch.arange(6)).tolist()
    assert others[0] == [False, False, False, True, True, True]  # "a dog" is of an image that is a pet, too
    assert others[2] == [False, False, True, True, True, True]
    assert others[3] == [True, True, True, False, False, False]
    assert others[5] == [True, True, True, False, True, False]  # "a rose" is of its group
    assert pool.number("A Rose") == 3
    assert pool.chance(torch.arange(6)) == pytest.approx((3 / 4 + 3 / 5) / 6)


def test_noise_finds_its_caption_by_chance_and_the_right_vectors_always() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(600, 32, generator=generator), dim=1)
    pool = CaptionPool([[f"caption {i}"] for i in range(600)], (), lambda texts: vectors)
    rows = torch.arange(600)
    assert pool.ranked_first(vectors, rows, rows).all()
    permuted = vectors[torch.randperm(600, generator=generator)]
    assert pool.chance(rows) == pytest.approx(0.01)
    assert pool.ranked_first(permuted, rows, rows).double().mean().item() == pytest.approx(0.01, abs=0.012)
    assert torch.equal(pool.ranked_first(permuted, rows, rows), pool.ranked_first(permuted, rows, rows))


def test_augmentation_keeps_a_plain_colour() -> None:
    images = torch.tensor([0.5, -0.25, -1.0])[None, :, None, None].expand(64, 3, 64, 64)
    views = augment(images, torch.Generator().manual_seed(0))
    assert views.abs().max() <= 1
    assert torch.allclose(views.flatten(2).median(2).values.mean(0), images[0, :, 0, 0], atol=0.05)


def test_it_learns_which_caption_is_whose(small_matcher, shapes) -> None:
    matcher, heldout = small_matcher(shapes.of("train")), shapes.of("heldout")
    pool = CaptionPool(heldout.captions, heldout.groups, matcher.read)
    rows = torch.arange(len(heldout))
    own = torch.tensor([pool.number(captions[0]) for captions in heldout.captions])
    vectors = matcher.project(matcher.features(heldout.images[:]))
    assert pool.ranked_first(vectors, rows, own).double().mean() > 5 * pool.chance(rows)


def test_a_matcher_is_trained_once_and_a_damaged_one_again(small_matcher, shapes, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / "cache"))
    training = shapes.of("train")[:64]
    texts, images = ["a red circle", "a blue square"], training.images[:5]
    first = small_matcher(training, 4)
    (file,) = (tmp_path / "cache" / "matchers").iterdir()
    assert file.suffix == ".safetensors"

    trained = []
    train = module.train
    monkeypatch.setattr(module, "train", lambda *arguments: (trained.append(1), train(*arguments)))
    again = small_matcher(training, 4)
    assert not trained
    assert torch.equal(again.features(images), first.features(images))
    assert torch.equal(again.read(texts), first.read(texts))

    file.write_bytes(file.read_bytes()[:1000])
    repaired = small_matcher(training, 4)
    assert len(trained) == 1
    assert torch.allclose(repaired.read(texts), first.read(texts), atol=1e-4)
    small_matcher(training, 4)
    assert len(trained) == 1
    small_matcher(training[:60], 4)  # other data
    assert len(trained) == 2
    assert len(list((tmp_path / "cache" / "matchers").iterdir())) == 2


def test_one_caption_for_all_is_refused(small_matcher, shapes, monkeypatch) -> None:
    monkeypatch.setattr(module, "_choose_captions", lambda captions, *_: (["one"], [[0] for _ in captions]))
    with pytest.raises(InputError, match="same captions"):
        small_matcher(shapes.of("train")[:8])
