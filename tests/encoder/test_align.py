from __future__ import annotations

import json
import math
import random
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tiny_bert import make_tiny_bert

from encoder import align as align_module
from encoder.align import (
    RECORD,
    STATE,
    AlignConfig,
    ImageNetwork,
    PooledCaptions,
    Retrieval,
    TunedCaptions,
    WordPairs,
    _sample,
    align,
    augment,
    by_style,
    card,
    contrastive_loss,
    fit,
    fit_pooled,
    near_words,
    number_captions,
    retrieval,
    shared_captions,
    write_encoder,
)
from encoder.aligned import AlignedEncoder
from encoder.common.errors import InputError
from gan import align as module

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 220), "black": (10, 10, 10)}
CONFIG = AlignConfig(dim=8, tuned=1, epochs=2, batch_size=8, width=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("align") / "encoder")


@pytest.fixture(scope="module")
def drawn() -> tuple[torch.Tensor, list[tuple[str, ...]]]:
    """Sixteen images, of one colour above and another below, with one or two captions."""
    images, captions = [], []
    for above, rgb_above in COLOURS.items():
        for below, rgb_below in COLOURS.items():
            image = torch.empty(3, 64, 64, dtype=torch.uint8)
            image[:, :32] = torch.tensor(rgb_above).view(3, 1, 1)
            image[:, 32:] = torch.tensor(rgb_below).view(3, 1, 1)
            images.append(image)
            captions.append((f"{above} hair {below} eyes", f"{below} eyes"))
    return torch.stack(images), captions


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_images_with_a_caption_in_common_are_found():
    assert shared_captions([[0, 1], [2], [1, 3], [3]]).tolist() == [
        [True, False, True, False],
        [False, True, False, False],
        [True, False, True, True],
        [False, False, True, True],
    ]


def test_the_loss_is_the_one_worked_by_hand():
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    texts = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    alike = torch.eye(2, dtype=torch.bool)
    # Cosines: [[0.6, 0], [0.8, 1]], times 2: [[1.2, 0], [1.6, 2]].
    by_image = (math.log(1 + math.exp(0.0 - 1.2)) + math.log(1 + math.exp(1.6 - 2.0))) / 2
    by_text = (math.log(1 + math.exp(1.6 - 1.2)) + math.log(1 + math.exp(0.0 - 2.0))) / 2
    assert contrastive_loss(images, texts, alike, 2.0).item() == pytest.approx((by_image + by_text) / 2, abs=1e-6)


def test_images_with_a_caption_in_common_are_not_each_others_negatives():
    images = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), dim=1).requires_grad_()
    texts = F.normalize(torch.tensor([[1.0, 0.2], [1.0, 0.0], [0.3, 1.0]]), dim=1)
    cosines = (images @ texts.T).tolist()
    alike = shared_captions([[0, 1], [1, 2], [3]])

    def term(right: float, *wrong: float) -> float:
        return -math.log(math.exp(right) / sum(map(math.exp, (right, *wrong))))

    # The first two are alike, so that each has the third alone as its negative.
    rows = [term(cosines[0][0], cosines[0][2]), term(cosines[1][1], cosines[1][2])]
    rows += [term(cosines[2][2], cosines[2][0], cosines[2][1])]
    columns = [term(cosines[0][0], cosines[2][0]), term(cosines[1][1], cosines[2][1])]
    columns += [term(cosines[2][2], cosines[0][2], cosines[1][2])]
    loss = contrastive_loss(images, texts, alike, 1.0)
    assert loss.item() == pytest.approx((sum(rows) / 3 + sum(columns) / 3) / 2, abs=1e-6)

    everyone = torch.ones(3, 3, dtype=torch.bool)  # no negatives: nothing to lose, nothing to learn
    loss = contrastive_loss(images, texts, everyone, 1.0)
    loss.backward()
    assert loss.item() == 0
    assert images.grad is not None
    assert (images.grad == 0).all()


def test_the_loss_of_word_pairs_is_the_one_worked_by_hand():
    assert near_words("A girl with green hair in a Hat") == {
        *[("girl", "green"), ("girl", "hair"), ("green", "hair"), ("green", "hat"), ("hair", "hat")]
    }
    pairs = WordPairs(["red hair", "blue hair", "a hat"], 2)  # the last has no pair
    with torch.no_grad():
        pairs.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))  # blue hair, red hair or the other way round
        pairs.linear.bias.zero_()
    order = 1 if pairs._present[0] == [0] else -1
    first, second = math.log(1 + math.exp(-1.0)), math.log(1 + math.exp(0.0))
    loss = pairs([0], torch.tensor([[1.0, 0.0]]))
    assert loss.item() == pytest.approx(
        first + second if order == 1 else second + math.log(1 + math.exp(1.0)), abs=1e-6
    )
    assert pairs([2], torch.zeros(1, 2)).item() == pytest.approx(2 * math.log(2))  # divided by one, not by none


def test_by_style_each_batch_is_of_one():
    styles = [0, 1, 0, 1, 0, 1, 0, 2]
    order = by_style([7, 6, 5, 4, 3, 2, 1, 0], styles, 2, random.Random(0))
    assert len(order) == 6  # one of style 1 and the one of style 2 fill no batch
    assert all(styles[a] == styles[b] for a, b in zip(order[::2], order[1::2], strict=True))
    assert len(set(order)) == 6
    assert by_style([1, 0], [0, 1], 2, random.Random(0)) == [1, 0]


def test_word_pairs_are_learnt_beside_the_images(drawn, one_thread):
    images, captions = drawn
    vocabulary, numbers = number_captions(captions)
    config = replace(CONFIG, dim=32, epochs=24, word_pairs=1.0, one_style=True, lr_new=1e-2, lr_pairs=0.1)
    told = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        texts, pairs = PooledCaptions(torch.eye(len(vocabulary)), config), WordPairs(vocabulary, config.dim)
        fit(images, numbers, texts, replace(config, word_pairs=weight), pairs=pairs, styles=[0, 1] * 8)
        with torch.no_grad():
            everything = list(range(len(vocabulary)))
            told[weight] = pairs(everything, texts(everything)).item()
    assert told[1.0] < 0.5 * told[0.0]


def test_retrieval_is_the_one_worked_by_hand():
    images = torch.eye(3)
    texts = F.normalize(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.2, 0.9, 0.1]]), dim=1)
    # Cosines of the third image: 0, 0 and 0.1 / |(0.2, 0.9, 0.1)|; all three find their own.
    scores = retrieval(images, [[0], [1], [2]], texts)
    assert scores == Retrieval(first=1.0, five=1.0, captions=3, candidates=3)
    # Exchanged, the first two rank behind one and two others.
    swapped = retrieval(images, [[1], [0], [2]], texts)
    assert swapped == Retrieval(first=pytest.approx(1 / 3), five=1.0, captions=3, candidates=3)


def test_images_with_a_caption_in_common_are_no_candidates():
    images = F.normalize(torch.tensor([[1.0, 0.0], [0.9, 0.1]]), dim=1)
    assert retrieval(images, [[0, 1], [1]], torch.eye(2)).candidates == 1
    assert retrieval(images, [[0], [1]], torch.eye(2)).candidates == 2


def test_an_image_network_gives_unit_vectors():
    vectors = ImageNetwork(8, 4).eval()(torch.rand(2, 3, 64, 64))
    assert vectors.shape == (2, 8)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_augmented_images_keep_their_colours():
    torch.manual_seed(0)
    images = torch.full((4, 3, 64, 64), 0.25)
    images[:, 1] = -0.5
    torch.testing.assert_close(augment(images), images)
    gradient = torch.linspace(-1, 1, 64).expand(4, 3, 64, 64)
    assert (augment(gradient).diff(dim=3) >= -1e-6).all()  # never mirrored
    assert not torch.equal(augment(gradient), gradient)


@pytest.mark.usefixtures("one_thread")
def test_equal_seeds_give_equal_weights(base: Path, drawn):
    (first, _), (second, _), (other, _) = (
        align(*drawn, config, base) for config in (CONFIG, CONFIG, replace(CONFIG, seed=1))
    )
    assert torch.equal(first.weight, second.weight)
    assert all(torch.equal(first.layers[name], second.layers[name]) for name in first.layers)
    assert not torch.equal(first.weight, other.weight)
    assert {name.split(".")[2] for name in first.layers} == {"1"}


@pytest.mark.usefixtures("one_thread")
def test_a_fit_that_was_interrupted_goes_on(base: Path, drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog):
    state, calls = tmp_path / STATE, []

    def loss(*arguments: Any) -> torch.Tensor:
        calls.append(arguments)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return contrastive_loss(*arguments)

    def steps_of(config: AlignConfig) -> int:
        calls.clear()
        align(*drawn, config, base, state)
        return len(calls)

    whole, _ = align(*drawn, CONFIG, base)  # four steps
    monkeypatch.setattr(align_module, "_SAVE_EVERY", 0.0)
    monkeypatch.setattr(align_module, "contrastive_loss", loss)
    stop = 4
    with pytest.raises(KeyboardInterrupt):
        align(*drawn, CONFIG, base, state)
    shutil.copy(state, kept := tmp_path / "kept")
    stop = 0
    calls.clear()
    resumed, fitted = align(*drawn, CONFIG, base, state)
    assert (len(calls), fitted.steps) == (1, 4)
    torch.testing.assert_close(resumed.weight, whole.weight)
    for name in whole.layers:
        torch.testing.assert_close(resumed.layers[name], whole.layers[name])

    shutil.copy(kept, state)
    assert steps_of(replace(CONFIG, seed=1)) == 4  # another fit
    state.write_bytes(kept.read_bytes()[:-9])
    assert steps_of(CONFIG) == 4
    assert "the fit of the text encoder begins anew" in caplog.text
    write_encoder(resumed, tmp_path, {}, base)
    assert not state.exists()


@pytest.mark.parametrize(
    ("limit", "rows", "each"), [(None, 4, [3, 3, 3, 1]), (10, 4, [3, 3, 3, 1]), (9, 4, [2, 2, 2, 1]), (2, 2, [1] * 4)]
)
def test_of_many_captions_a_sample_is_shown(limit: int | None, rows: int, each: list[int]):
    captions = [[0, 1, 2], [3, 4, 5], [0, 6, 7], [8]]
    sample, shown = _sample(captions, limit, random.Random(0))
    assert len(set(sample)) == rows
    assert list(map(len, shown)) == each
    assert all(set(some) <= set(own) for some, own in zip(shown, captions, strict=True))


def test_a_fit_brings_images_and_their_captions_together(drawn):
    images, _ = drawn
    config = AlignConfig(dim=8, epochs=45, batch_size=16, width=8, lr_new=1e-2)
    torch.manual_seed(0)
    texts = PooledCaptions(4 * torch.eye(16), config)
    own = [[i] for i in range(16)]
    fitted = fit(images, own, texts, config)
    assert fitted.steps == 45
    with torch.no_grad():
        assert retrieval(fitted.vectors(images), own, texts(range(16))).first > 0.5  # chance: 1/16


@pytest.mark.parametrize("changes", [{}, {"pooling": "attention"}, {"pooling": "attention", "tuned": 0}])
def test_an_encoder_is_saved_as_trained(base: Path, drawn, tmp_path: Path, changes: dict[str, Any]):
    _, captions = drawn
    texts = [own[0] for own in captions]
    torch.manual_seed(0)
    network = TunedCaptions(texts, replace(CONFIG, **changes), base).eval()
    with torch.no_grad():
        for tensor in network.layers.values():
            tensor += torch.randn_like(tensor)
        trained = network(range(16))
        torch.testing.assert_close(network([3, 3]), trained[[3, 3]])  # from what was kept of the frozen layers
    write_encoder(network.result, tmp_path, {}, base)
    saved = F.normalize(AlignedEncoder.load(tmp_path).encode(texts), dim=1)
    assert (saved - trained).abs().max() < 0.1 * trained.std(0).max()  # float16


def test_fine_tuned_layers_see_no_dropped_words(base: Path):
    network = TunedCaptions(["red hair", "red hair blue eyes"], replace(CONFIG, dropout=0.0, word_dropout=1.0), base)
    with torch.no_grad():
        dropped = network.train()([0, 1])
        whole = network.eval()([0, 1])
    assert not torch.equal(dropped, whole)
    assert dropped.isfinite().all()  # the first token is always seen


def test_the_comparison_takes_raw_sentence_embeddings(base: Path, drawn):
    linear, fitted = fit_pooled(*drawn, CONFIG, base)
    assert linear(torch.randn(2, 32)).shape == (2, 8)
    assert fitted.steps == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"tuned": 3}, "3 layers"), ({"tuned": 0}, "0 layers"), ({"lr_new": 1e30, "epochs": 30}, "loss became")],
)
def test_bad_settings_are_told(base: Path, drawn, changes: dict[str, float], message: str):
    with pytest.raises(InputError, match=message):
        align(*drawn, replace(CONFIG, **changes), base)


@pytest.mark.parametrize("changes", [{"dim": 0}, {"epochs": 0}, {"minutes": -1.0}, {"minutes": math.nan}, {"seed": -1}])
def test_settings_are_checked(changes: dict[str, float]):
    with pytest.raises(InputError, match=next(iter(changes))):
        AlignConfig(**changes)


def test_bad_data_are_told(base: Path, drawn):
    images, captions = drawn
    with pytest.raises(InputError, match="image 1 has no caption"):
        align(images[:2], [captions[0], ()], CONFIG, base)
    with pytest.raises(InputError, match="at least two"):
        align(images[:1], captions[:1], CONFIG, base)
    with pytest.raises(InputError, match="all images have the same captions"):
        align(images[:2], [["the same"]] * 2, CONFIG, base)


class Dataset(SimpleNamespace):
    """The part of a data set of images that the command uses."""

    def of(self, split: str) -> Dataset:
        rows = [i for i, of in enumerate(self.splits) if of == split]
        captions = tuple(self.captions[i] for i in rows)
        return Dataset(images=self.images[rows], captions=captions, sources=torch.zeros(len(rows), dtype=torch.int64))


@pytest.fixture
def command(base: Path, drawn, monkeypatch: pytest.MonkeyPatch):
    """Runs the command line on the drawn images, of which six are held out."""
    images, captions = drawn
    dataset = Dataset(images=images, captions=tuple(captions), splits=["train"] * 10 + ["heldout"] * 6)
    monkeypatch.setattr("gan.data.loading.load_images", lambda *_args, **_kwargs: (dataset, "16 images"))
    monkeypatch.setattr(module, "ENCODER_DIR", base)

    def run(*arguments: str) -> int:
        return module.main(["--data", "/somewhere/drawn.zip", *arguments])

    return run


def test_the_command_writes_an_encoder_with_its_scores(command, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    assert command("--out", str(out), "--epochs", "1", "--dim", "6", "--credit", "Drawn by the tests.") == 0
    printed = capsys.readouterr().out
    assert "| pooled, with a linear map |" in printed
    assert "| aligned |" in printed
    text = (out / "README.md").read_text(encoding="utf-8")
    assert "drawn.zip" in text
    assert "| aligned |" in text
    assert "Drawn by the tests." in text
    assert not any("somewhere" in file.read_text(errors="ignore") for file in out.rglob("*") if file.is_file())
    assert json.loads((out / RECORD).read_text())["config"]["dim"] == 6
    assert AlignedEncoder.load(out).dim == 6

    assert command("--out", str(out), "--epochs", "1", "--no-compare") == 0
    assert "pooled" not in (out / "README.md").read_text(encoding="utf-8")
    assert AlignedEncoder.load(out).dim == AlignConfig.dim


@pytest.mark.parametrize("bad", [["--dim", "0"], ["--minutes", "nan"], ["--epochs", "1", "--minutes", "1"]])
def test_bad_settings_leave_no_folder(command, tmp_path: Path, bad: list[str]):
    try:
        assert command("--out", str(tmp_path / "out"), *bad) == 2
    except SystemExit as stop:
        assert stop.code == 2
    assert not (tmp_path / "out").exists()


def test_the_command_refuses_before_any_work(command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setattr("gan.data.loading.load_images", lambda *_args, **_kwargs: pytest.fail("loaded"))
    assert command("--out", str(tmp_path)) == 2
    assert "holds notes.txt, which is no output of encoder.align" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_card_without_scores_says_so():
    record = {"data": ["a.zip"], "config": asdict(AlignConfig()), "images": 3, "steps": 1}
    assert "not judged" in card(record, {})
    assert "\n\n\n" not in card(record, {})
