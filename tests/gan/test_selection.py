from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import gan.selection
from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.common.errors import InputError
from gan.faces.classifier import AttributeClassifier, Reading
from gan.pipeline import TextToFace
from gan.selection import Selector, candidate_seeds

TEXTS = ["pink hair green eyes", "blue hair red eyes", "black hair"]


@pytest.fixture
def pipeline(make_release, tiny_network, tiny_encoder) -> TextToFace:
    return TextToFace.from_pretrained(make_release())


class Classifier:
    """Sees each colour with a probability that grows with the mean of the picture's red."""

    def read(self, images: torch.Tensor) -> Reading:
        red = images[:, 0].float().mean((1, 2)) / 255
        hair, eyes = (red[:, None].expand(-1, len(SLOTS[slot])) for slot in ("hair", "eyes"))
        length = red[:, None].expand(-1, 2)
        return Reading(hair.argmax(1), eyes.argmax(1), length.argmax(1), hair, eyes, length, red[:, None])


class Green(nn.Module):
    """Scores a picture by its green, far above what the classifier has to say."""

    def forward(self, img: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return 1000 * img[:, 1].mean((1, 2))


def test_candidates_start_with_the_seed_itself_and_differ() -> None:
    assert candidate_seeds(7, 1) == [7]
    seeds = candidate_seeds(7, 50)
    assert seeds[0] == 7
    assert len(set(seeds) | set(candidate_seeds(8, 50))) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert candidate_seeds(7, 10) == seeds[:10]


@pytest.mark.parametrize(("D", "channel"), [(None, 0), (Green(), 1)])
def test_the_best_candidate_wins(pipeline, D, channel) -> None:
    selector = Selector(pipeline, Classifier(), D)
    c = pipeline.conditions(TEXTS)
    best = list(selector.best_seeds(c, [0, 1, 2], 8))
    for row, seed, chosen in zip(c, range(3), best, strict=True):
        candidates = candidate_seeds(seed, 8)
        images = torch.cat(list(pipeline.draw_many(row.expand(8, -1), candidates)))
        assert chosen == candidates[int(images[:, channel].float().mean((1, 2)).argmax())]


def test_one_candidate_is_the_face_itself(pipeline) -> None:
    c = pipeline.conditions(TEXTS)
    assert list(Selector(pipeline, AttributeClassifier((8, 8))).best_seeds(c, [5, 6, 7], 1)) == [5, 6, 7]


def test_what_is_not_asked_for_does_not_count(pipeline) -> None:
    selector = Selector(pipeline, Classifier())
    images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    images[1, 0] = 100
    asked = torch.tensor([[0, 0], [0, 0]])
    assert selector.merit(images, asked, pipeline.conditions(TEXTS[:2])).tolist() == [0, 0]
    asked[:, 0] = 3
    merit = selector.merit(images, asked, pipeline.conditions(TEXTS[:2]))
    assert merit[0] < merit[1] == pytest.approx(torch.tensor(100 / 255).log().item())


def test_what_a_text_asks_for(pipeline, monkeypatch) -> None:
    c = torch.zeros(1, 25)
    c[0, 3] = c[0, 12 + 4] = 1.0
    values = [list(SLOTS[slot])[i] for slot, i in (("hair", 3), ("eyes", 4))]
    selector = Selector(pipeline, Classifier())
    assert selector.asked(c).tolist() == [list(Attributes(*values).indices[:2])]


def test_a_released_discriminator_is_used(make_release, tiny_network, tiny_encoder, monkeypatch) -> None:
    folder: Path = make_release(discriminator={"x": 1})
    built = {}

    def build(architecture, **arguments):
        built.update(arguments, architecture=architecture)
        return nn.Linear(2, 1)

    monkeypatch.setattr(gan.selection, "build_discriminator", build)
    pipeline = TextToFace.from_pretrained(folder)
    assert Selector.from_pretrained(folder, pipeline).D is None
    weights = nn.Linear(2, 1).state_dict()
    save_file(weights, folder / "discriminator.safetensors")
    selector = Selector.from_pretrained(folder, pipeline)
    assert torch.equal(selector.D.weight, weights["weight"])
    assert built == {"architecture": "tiny", "c_dim": 25, "x": 1}
    (folder / "discriminator.safetensors").write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"discriminator\.safetensors: the weights cannot be read"):
        Selector.from_pretrained(folder, pipeline)
