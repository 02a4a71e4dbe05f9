import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import WITH_COLOURS

from encoder.attributes.colour import from_hex, to_hex
from encoder.attributes.space import VALUE_SPACE, exact_colours
from encoder.common.errors import InputError
from gan.pipeline import TextToImage, guide, seeded_noise

pytestmark = pytest.mark.usefixtures("tiny_network")

TEXTS = [f"face {i % 9}" for i in range(25)]
SEEDS = list(range(25))


@pytest.fixture
def pipeline(make_release, tiny_encoder) -> TextToImage:
    return TextToImage.from_pretrained(make_release())


def test_draws_uint8_faces(pipeline) -> None:
    images = pipeline.draw(TEXTS, SEEDS)
    assert images.shape == (25, 3, 64, 64)
    assert images.dtype == torch.uint8
    assert images.float().std() > 10


def test_a_face_depends_on_neither_batch_nor_threads_nor_order(pipeline) -> None:
    images = pipeline.draw(TEXTS, SEEDS)
    before = torch.get_num_threads()
    try:
        for threads, batch_size in ((1, 7), (2, 7), (2, 1)):
            torch.set_num_threads(threads)
            assert torch.equal(pipeline.draw(TEXTS, SEEDS, batch_size=batch_size), images)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(pipeline.draw([TEXTS[7]], [SEEDS[7]])[0], images[7])
    assert torch.equal(pipeline.draw(TEXTS[::-1], SEEDS[::-1]), images.flip(0))


def test_text_and_seed_both_matter(pipeline) -> None:
    a, other_seed, other_text = pipeline.draw(["a", "a", "b"], [0, 1, 0])
    assert not torch.equal(a, other_seed)
    assert not torch.equal(a, other_text)


def test_float64_is_float32_up_to_a_level(make_release, tiny_encoder, pipeline) -> None:
    single = TextToImage.from_pretrained(make_release("again"), dtype=torch.float32)
    difference = single.draw(TEXTS, SEEDS).int() - pipeline.draw(TEXTS, SEEDS).int()
    assert difference.abs().max() <= 1


def test_noise_is_of_the_seed_alone_and_normal(pipeline) -> None:
    torch.manual_seed(1)
    z = pipeline.noise(range(500))
    assert z.shape == (500, 8)
    assert z.dtype == torch.float64
    assert torch.equal(pipeline.noise([499, 3]), z[[499, 3]])
    assert abs(z.mean()) < 0.05
    assert abs(z.std() - 1) < 0.05
    expected = torch.randn(8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert torch.equal(z[3], expected)


def test_the_global_random_state_is_left_alone(make_release, tiny_encoder) -> None:
    state = torch.get_rng_state()
    TextToImage.from_pretrained(make_release()).draw(["a"], [5])
    assert torch.equal(torch.get_rng_state(), state)


def test_batches_are_drawn_one_at_a_time(pipeline, monkeypatch) -> None:
    drawn: list[int] = []

    def draw(c: torch.Tensor, z: torch.Tensor, **_: object) -> torch.Tensor:
        drawn.append(len(z))
        return torch.zeros(len(z), 3, 64, 64, dtype=torch.uint8)

    monkeypatch.setattr(pipeline, "draw_conditions", draw)
    batches = pipeline.draw_many(pipeline.conditions(["a"] * 60), range(60), batch_size=25)
    assert len(next(batches)) == 25
    assert drawn == [25]
    assert [len(batch) for batch in batches] == [25, 10]


def steps_between(pipeline: TextToImage, monkeypatch, a: str, b: str) -> list[dict[str, str]]:
    """What the five conditions on the way from one text to another ask for."""
    seen: list[torch.Tensor] = []
    draw = pipeline.draw_conditions
    monkeypatch.setattr(pipeline, "draw_conditions", lambda c, z: (seen.append(c), draw(c, z))[1])
    pipeline.interpolate(pipeline.conditions([a, b]), steps=5)
    return [exact_colours(readings) for readings in pipeline.encoder.space.read(seen[0])]


def test_interpolation_goes_through_the_colours_between(make_release, colour_encoder, monkeypatch) -> None:
    pipeline = TextToImage.from_pretrained(make_release(**WITH_COLOURS))
    between = steps_between(pipeline, monkeypatch, "#12806a hair", "#ff796c hair")
    start, end = (from_hex(colour) for colour in ("#12806a", "#ff796c"))
    assert between == [{"hair": to_hex(start + (end - start) * part / 4)} for part in range(5)]


def test_on_the_way_from_a_plain_colour_to_an_exact_one_it_is_ever_more_asked_for(
    make_release, colour_encoder, monkeypatch
) -> None:
    pipeline = TextToImage.from_pretrained(make_release(**WITH_COLOURS))
    between = steps_between(pipeline, monkeypatch, "red hair", "#12806a hair, navy eyes")
    asked = {"hair": "#12806a", "eyes": "#01153e"}
    assert between == [{}, {}, {}, asked, asked]  # never another colour, which nobody asked for


def test_interpolation_ends_at_the_two_texts(pipeline) -> None:
    strip = pipeline.interpolate(pipeline.conditions(["a", "b"]), seed=3, steps=4)
    assert strip.shape == (4, 3, 64, 64)
    assert torch.equal(strip[[0, 3]], pipeline.draw(["a", "b"], [3, 3]))
    assert not torch.equal(strip[1], strip[0])


def test_style_is_the_last_part_of_the_condition(make_release, tiny_encoder) -> None:
    pipeline = TextToImage.from_pretrained(make_release(c_dim=27, sources=["extra", "anime"]))
    assert pipeline.conditions(["a"]).shape == (1, 27)
    assert pipeline.conditions(["a"])[0, 25:].tolist() == [1, 0]
    assert pipeline.conditions(["a"], style="anime")[0, 25:].tolist() == [0, 1]
    assert not torch.equal(pipeline.draw(["a"], [0]), pipeline.draw(["a"], [0], style="anime"))
    with pytest.raises(InputError, match="style 'oil' is unknown to this model; it knows: extra, anime"):
        pipeline.draw(["a"], [0], style="oil")


CONFIG, WEIGHTS = "config.json", "generator.safetensors"


def weights(**changes: torch.Tensor | None) -> Callable[[Path], None]:
    """What replaces tensors of the generator, or with ``None`` leaves them out."""

    def damage(folder: Path) -> None:
        state = load_file(folder / WEIGHTS) | {name.replace("_weight", ".weight"): x for name, x in changes.items()}
        save_file({name: x for name, x in state.items() if x is not None}, folder / WEIGHTS)

    return damage


def config(text: str = "", **changes: object) -> Callable[[Path], None]:
    """What replaces the config, or keys of it."""

    def damage(folder: Path) -> None:
        whole = json.dumps({**json.loads((folder / CONFIG).read_text()), **changes}) if changes else text
        (folder / CONFIG).write_bytes(whole.encode("latin-1"))

    return damage


def cut(size: int) -> Callable[[Path], None]:
    return lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:size])


NOT_FITTING = "the weights do not fit the network of the config"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        *((cut(size), r"generator\.safetensors: the weights cannot be read") for size in (0, 5, 100, -1)),
        (weights(conv_weight=None), NOT_FITTING),
        (weights(conv_weight=torch.zeros(6, 6, 5, 5)), NOT_FITTING),
        (weights(extra=torch.zeros(1)), NOT_FITTING),
        (weights(conv_weight=torch.full((6, 6, 3, 3), torch.nan)), r"conv\.weight holds numbers that are not finite"),
        (config(network={"depth": 3}), r"cannot be built .*depth"),
        (lambda folder: (folder / CONFIG).unlink(), "config.json is missing"),
        (lambda folder: (folder / WEIGHTS).unlink(), "generator.safetensors is missing"),
        (lambda folder: folder.rename(folder.with_name("moved")), "no such model folder"),
        (config(""), "not JSON"),
        (config("[1]"), "what it holds is a list; it must be an object"),
        (config("\xff"), "not JSON .*utf-8"),
        (config("{}"), "the key architecture is missing"),
        (config('{"conditioning": {}, "architecture": "tiny", "z_dim": "many"}'), "the key c_dim is missing"),
        (
            config(sources=["extra", "anime"]),
            "c_dim is 25, but the text condition has 25 numbers and there are 2 styles",
        ),
        (
            config(conditioning={"kind": "head", "dim": 25, "space": "attributes-ab12"}),
            r"tiny: .* encoder attributes-ab12 .* not with attributes-tiny .*; use that",
        ),
        *(
            (config(guidance=value), r"config\.json: (guidance is .*; it must be a number from 0.01|not JSON \()")
            for value in (0, -1, 3.1, float("nan"), float("inf"))
        ),
    ],
)
def test_a_release_that_is_no_whole_one_is_named_in_one_line(make_release, tiny_encoder, damage, message) -> None:
    folder = make_release()
    damage(folder)
    with pytest.raises(InputError, match=message) as error:
        TextToImage.from_pretrained(folder)
    assert "\n" not in str(error.value)


def test_guidance_moves_a_condition_away_from_the_null_one() -> None:
    c = torch.zeros(1, 25)
    c[0, 4] = 1  # hair
    c[0, 12:14] = 0.5  # eyes between two colours
    guided = guide(c, VALUE_SPACE.null(c), 1.5)
    assert guided[0, 4].item() == pytest.approx(1 / 12 + 1.5 * 11 / 12)
    assert guided[0, 0].item() == pytest.approx(1 / 12 - 1.5 / 12)
    assert guided[0, 12].item() == guided[0, 13].item() == pytest.approx(1 / 11 + 1.5 * (0.5 - 1 / 11))
    assert guided[0, :12].sum().item() == pytest.approx(1)
    assert guided[0, 23:].tolist() == [0, 0]  # an unstated length stays unstated
    torch.testing.assert_close(guide(c, VALUE_SPACE.null(c), 1), c)
    assert guide(torch.tensor([[1.0, -2.0]]), torch.zeros(1, 2), 1.5).tolist() == [[1.5, -3.0]]


def test_guidance_leaves_the_style_as_it_is(make_release, tiny_encoder) -> None:
    release = make_release("styles", c_dim=27, sources=["extra", "anime"], guidance=2.0)
    pipeline = TextToImage.from_pretrained(release)
    shown = []
    pipeline.G.forward = lambda z, c: shown.append(c) or torch.zeros(len(z), 3, 64, 64)
    c = pipeline.conditions(["pink hair"], style="anime")
    pipeline.draw_conditions(c, pipeline.noise([0]))
    assert shown[0][0, 25:].tolist() == [0, 1]
    assert not torch.equal(shown[0][0, :25], c[0, :25])


def test_the_config_says_how_strongly_to_guide(make_release, tiny_encoder, pipeline) -> None:
    release = make_release("guided", guidance=1.5)
    plain = pipeline.draw(TEXTS, SEEDS)
    guided = TextToImage.from_pretrained(release).draw(TEXTS, SEEDS)
    assert not torch.equal(guided, plain)
    assert torch.equal(TextToImage.from_pretrained(release, guidance=1).draw(TEXTS, SEEDS), plain)
    by_hand = TextToImage.from_pretrained(make_release("by hand"), guidance=1.5).draw(TEXTS, SEEDS)
    assert torch.equal(by_hand, guided)


def test_seeds_of_more_than_32_bits_are_other_seeds(pipeline) -> None:
    seeds = [5, 2**32 + 5, 2**33 + 5, 2**32, 2**63 - 1]
    images = pipeline.draw(["a"] * len(seeds), seeds)
    assert len(images.flatten(1).unique(dim=0)) == len(seeds)
    z = torch.stack([seeded_noise(2**32 * (1 + i) + i, 64) for i in range(200)])
    assert abs(z.mean().item()) < 0.05
    assert z.std().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    "seeds", [[3, 4], (3, 4), range(3, 5), np.array([3, 4]), torch.tensor([3, 4]), np.array([3, 4], dtype=np.uint8),
     [np.int64(3), np.uint8(4)], [torch.tensor(3), 4], iter([3, 4])],
)  # fmt: skip
def test_seeds_come_in_any_form(pipeline, seeds) -> None:
    assert torch.equal(pipeline.draw(["a", "b"], seeds), pipeline.draw(["a", "b"], [3, 4]))
    if isinstance(seeds, list):
        assert torch.equal(pipeline.draw("a", seeds[0]), pipeline.draw(["a"], [3]))


def test_nothing_is_drawn_of_nothing(pipeline) -> None:
    pipeline.G.resolution = 64
    assert pipeline.draw([], []).shape == (0, 3, 64, 64)
    assert pipeline.conditions([]).shape == (0, 25)
    assert pipeline.noise([]).shape == (0, 8)
    assert list(pipeline.draw_many(pipeline.conditions([]), np.array([], dtype=int))) == []


def test_one_text_or_seed_is_taken_by_every_method(pipeline) -> None:
    c = pipeline.conditions("a")
    assert torch.equal(c, pipeline.conditions(["a"]))
    assert torch.equal(pipeline.noise(np.int64(3)), pipeline.noise([3]))
    (image,) = pipeline.draw_many(c, torch.tensor(3))
    assert torch.equal(image, pipeline.draw("a", 3))
    with pytest.raises(ValueError, match="1 texts and 2 seeds; give a seed for each text"):
        pipeline.draw("a", [1, 2])
    with pytest.raises(ValueError, match=r"1\.5 is not a seed"):
        pipeline.draw("a", 1.5)
    with pytest.raises(ValueError, match="give two conditions and at least two steps"):
        pipeline.interpolate(pipeline.conditions(["a", "b"]), steps=1)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "a", True, None])
def test_what_is_no_seed_is_named(pipeline, seed) -> None:
    with pytest.raises(ValueError, match="is not a seed; give whole numbers"):
        pipeline.draw(["a"], [seed])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_drawing_does_not_depend_on_the_default_type(make_release, tiny_encoder, pipeline, dtype) -> None:
    expected, folder = pipeline.draw(TEXTS[:3], SEEDS[:3]), make_release("again")
    torch.set_default_dtype(dtype)
    try:
        assert torch.equal(TextToImage.from_pretrained(folder).draw(TEXTS[:3], SEEDS[:3]), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_picture_that_is_not_finite_is_refused(pipeline) -> None:
    pipeline.G.to_rgb.weight.data.fill_(float("inf"))  # as an overflow in a larger network
    with pytest.raises(InputError, match="some pixels are not finite numbers; truncation or guidance"):
        pipeline.draw(["a"], [0])
