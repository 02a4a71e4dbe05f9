"""A call of the pipeline: texts and seeds in any form, Pillow's images out, and misuse answered in words."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from encoder.common.errors import InputError
from gan.pipeline import TextToImage

pytestmark = pytest.mark.usefixtures("tiny_network")


@pytest.fixture
def pipe(make_release, tiny_encoder) -> TextToImage:
    return TextToImage.from_pretrained(make_release(c_dim=27, sources=["extra", "anime"]))


def pixels(images: list[Image.Image]) -> torch.Tensor:
    return torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in images])


def test_one_text_and_a_seed_to_count_from(pipe) -> None:
    out = pipe("red hair", seed=7, num_images=4)
    assert [(image.size, image.mode) for image in out.images] == [((64, 64), "RGB")] * 4
    assert (len(out), out.seeds, out.texts) == (4, [7, 8, 9, 10], ["red hair"] * 4)
    assert torch.equal(pixels(out.images), pipe.draw(["red hair"] * 4, seeds=range(7, 11)))
    assert torch.equal(pixels(pipe("red hair", seed=7, num_images=4, batch_size=1).images), pixels(out.images))


def test_several_texts_follow_each_other_as_on_the_command_line(pipe) -> None:
    out = pipe(["a", "b"], seed=2**63 - 2, num_images=2, style="anime")
    assert out.texts == ["a", "a", "b", "b"]
    assert out.seeds == [2**63 - 2, 2**63 - 1, 0, 1]
    assert torch.equal(pixels(out.images), pipe.draw(out.texts, out.seeds, style="anime"))
    assert len(pipe(("a", "b"), seed=1)) == 2


@pytest.mark.parametrize("seed", [[5, 3], (5, 3), np.array([5, 3]), torch.tensor([5, 3]), iter([5, 3])])
def test_seeds_of_each_image_in_any_form(pipe, seed) -> None:
    out = pipe("a", seed=seed)
    assert out.seeds == [5, 3]
    assert torch.equal(pixels(out.images), pipe.draw(["a", "a"], [5, 3]))


@pytest.mark.parametrize("seed", [5, np.int64(5), torch.tensor(5), [5], np.array([5])])
def test_one_seed_in_any_form(pipe, seed) -> None:
    assert pipe("a", seed=seed).seeds == [5]


@pytest.mark.parametrize("seed", [None, -1, "random", np.int64(-1), torch.tensor(-1)])
def test_seeds_are_chosen_and_returned(pipe, seed) -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    out = pipe("a", seed=seed, num_images=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(set(out.seeds)) == 3 and out.seeds != pipe("a", seed=seed, num_images=3).seeds
    assert torch.equal(pixels(pipe("a", seed=out.seeds).images), pixels(out.images))


def test_guidance_and_truncation_are_arguments_of_a_call(make_release, tiny_encoder, pipe) -> None:
    plain = pipe.draw(["a"], [1])
    fixed = TextToImage.from_pretrained(
        make_release("fixed", c_dim=27, sources=["extra", "anime"]), guidance=2.0, truncation=0.5
    )
    assert torch.equal(pipe.draw(["a"], [1], guidance=2.0, truncation=0.5), fixed.draw(["a"], [1]))
    assert torch.equal(pixels(pipe("a", seed=1, guidance=2, truncation=0.5).images), fixed.draw(["a"], [1]))
    assert torch.equal(fixed.draw(["a"], [1], guidance=1, truncation=1), plain)
    assert torch.equal(pipe.draw(["a"], [1]), plain)  # of that call alone
    assert not torch.equal(fixed.draw(["a"], [1]), plain)


def test_what_was_read_and_what_was_not(pipe, tiny_encoder, monkeypatch) -> None:
    c = torch.zeros(2, 25)
    c[0, 7] = c[0, 12] = 1
    monkeypatch.setattr(tiny_encoder, "encode", lambda texts, **_: c)
    out = pipe(["pink hair", "quux"], seed=0, num_images=2)
    from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS

    read = {"hair": HAIR_COLOURS[7], "eyes": EYE_COLOURS[0], "length": None}
    assert out.read == [read, read, *[dict.fromkeys(read)] * 2]
    assert out.warnings == ["nothing recognised in 'quux': hair and eyes are left to chance"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "prompt: the text is empty; describe"),
        ({"prompt": ["a", " "]}, "prompt: the text is empty; describe"),
        ({"prompt": []}, r"prompt is \[\]; give a text, or a list"),
        ({"prompt": None}, "prompt is None; give a text, or a list"),
        ({"prompt": 7}, "prompt is 7; give a text, or a list"),
        ({"prompt": [b"a"]}, "give a text, or a list"),
        ({"prompt": "x" * 2001}, "the text has 2,001 characters; shorten it"),
        ({"num_images": 0}, "num_images is 0; give a whole number of at least 1"),
        ({"num_images": 1.5}, "num_images is 1.5; give"),
        ({"num_images": True}, "num_images is True; give"),
        ({"seed": -2}, "-2 is not a seed; give whole numbers from 0"),
        ({"seed": [-1]}, "-1 is not a seed; give whole numbers from 0"),
        ({"seed": "7"}, "'7' is not a seed; give"),
        ({"seed": 1.0}, "1.0 is not a seed; give"),
        ({"seed": [1, 2], "num_images": 3}, "2 seeds for 1 text and 3 images of each; give 3 seeds, or one to count"),
        ({"prompt": ["a", "b"], "seed": [1]}, "1 seeds for 2 texts and 1 image of each; give 2 seeds, or one"),
        ({"seed": []}, "0 seeds for 1 text and 1 image of each; give 1 seeds, or one"),
        ({"style": "oil"}, "style 'oil' is unknown to this model; it knows: extra, anime"),
        ({"guidance": 0}, "guidance is 0; it must be a number from 0.01 to 3"),
        ({"guidance": "2"}, "guidance is '2'; it must be a number from 0.01 to 3"),
        ({"guidance": 1e308}, r"guidance is 1e\+308; it must be a number from 0.01 to 3"),
        ({"truncation": float("nan")}, "truncation is nan; it must be a number from 0.01 to 1.5"),
        ({"truncation": [1]}, "truncation is a list; it must be a number from 0.01 to 1.5"),
    ],
)
def test_misuse_is_answered_with_what_was_wanted(pipe, arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        pipe(**{"prompt": "a", **arguments})


@pytest.mark.parametrize("settings", [{"colour": 1}, {"dtype": "float32"}])
def test_settings_that_no_call_takes(pipe, settings) -> None:
    with pytest.raises(TypeError, match=r"colour|dtype"):
        pipe("a", **settings)


def test_settings_of_numpy_and_pytorch(pipe) -> None:
    expected = pipe.draw(["a"], [1], guidance=2.0, truncation=0.5)
    assert torch.equal(pipe.draw(["a"], [1], guidance=np.float32(2), truncation=torch.tensor(0.5)), expected)


def test_a_notebook_shows_the_images(pipe) -> None:
    out = pipe(["<b>red</b>", "b"], seed=3, num_images=3)
    grid = Image.open(io.BytesIO(out._repr_png_()))
    assert grid.size == (5 * 64, 2 * 64)
    assert np.array_equal(np.asarray(grid)[:64, :64], np.asarray(out.images[0]))
    page = out._repr_html_()
    assert page.count("<img ") == 6
    assert "&lt;b&gt;red&lt;/b&gt; (3)" in page and "<b>red" not in page
    assert repr(out) == "Output(6 images, texts=['<b>red</b>', 'b'], seeds=[3, 4, 5, 6, 7, 8])"


def test_to_another_type_and_back(pipe, monkeypatch) -> None:
    expected = pipe.draw(["a"], [1])
    assert pipe.to("cpu", torch.float32) is pipe
    assert (pipe.dtype, pipe.G.dense.weight.dtype) == (torch.float32, torch.float32)
    assert (pipe.draw(["a"], [1]).int() - expected.int()).abs().max() <= 1
    assert torch.equal(pipe.to(torch.float64).draw(["a"], [1]), expected)
    assert repr(pipe) == (
        "TextToImage('tiny', architecture='tiny', encoder='head', styles=['extra', 'anime'], resolution=64, "
        "device='cpu', dtype=torch.float64)"
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for arguments, message in [
        (("cuda",), "device is 'cuda', which PyTorch does not find here; it finds cpu"),
        (("teapot",), "device is 'teapot'; it must be auto, cpu, mps, cuda or cuda:N"),
        ((None, torch.int64), "dtype is 'int64'; it must be one of float64, float32"),
    ]:
        with pytest.raises(InputError, match=message):
            pipe.to(*arguments)
