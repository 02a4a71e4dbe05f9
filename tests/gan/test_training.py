import copy
import dataclasses
import itertools
import json
import math
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from drawing import load_faces
from PIL import Image
from torch import nn
from training_runs import opened, train
from training_runs import trainer as make_trainer

from encoder.attributes.onehot import OneHotSpace
from encoder.attributes.space import COLOUR_SPACE, VALUE_SPACE
from encoder.attributes.vocabulary import HAIR_COLOURS
from encoder.common.errors import InputError
from encoder.common.folders import locked
from gan.faces.dataset import FaceDataset
from gan.networks import ImageTextDiscriminator, TextToImageGenerator
from gan.pipeline import TextToFace
from gan.release import ReleaseConfig
from gan.selection import Selector, candidate_seeds
from gan.training import batches, networks, sample_grids
from gan.training import loop as training
from gan.training.batches import Order
from gan.training.conditions.faces import PROMPTS
from gan.training.config import TrainingConfig
from gan.training.log import read_stats
from gan.training.loop import NonFiniteError, Trainer
from gan.training.objectives import OBJECTIVES, Objective
from gan.training.state import load_state, save_state

SMALL = TrainingConfig(
    data=("faces.zip",),
    encoder="onehot",
    conditioning="attributes",
    generator={"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8},
    discriminator={"widths": [8, 8, 8, 8, 8], "feature_dim": 8},
    z_dim=4,
    batch_size=4,
    precision="float32",
    ema_images=20,
    schedule_images=40,
    max_images=32,
    tick_images=12,
    snapshot_images=20,
)


def small(**changes: Any) -> TrainingConfig:
    return dataclasses.replace(SMALL, **changes)


@pytest.fixture(scope="module")
def faces(faces_zip) -> FaceDataset:
    return load_faces(faces_zip)


@pytest.fixture(scope="module", autouse=True)
def small_grid() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_grids, "GRID_ROWS", 2)
        patch.setattr(sample_grids, "STATISTICS_BATCHES", 2)
        yield


@pytest.fixture(scope="module")
def trained(faces, tmp_path_factory) -> Path:
    """A run of one step."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(small(max_images=4), faces, folder)
    return folder


@pytest.fixture
def short_run(trained: Path, tmp_path: Path) -> Path:
    """The same for a test to change, in ``run``."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def assert_same(a: Any, b: Any, where: str = "state") -> None:
    """Equal to the last bit, all the way down."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{i}]")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where


def without_time(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in ("minutes", "config")}


class NormedGenerator(TextToImageGenerator):
    def __init__(self, z_dim: int, c_dim: int) -> None:
        super().__init__()
        self.dense = nn.Linear(z_dim + c_dim, 4 * 8 * 8)
        self.norm = nn.BatchNorm2d(4)
        self.to_rgb = nn.ConvTranspose2d(4, 3, 8, stride=8)

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return self.to_rgb(self.norm(self.dense(torch.cat([z, c], 1)).reshape(-1, 4, 8, 8))).tanh()


class NormedDiscriminator(ImageTextDiscriminator):
    def __init__(self, c_dim: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 8, stride=8)
        self.norm = nn.BatchNorm2d(4)
        self.dense = nn.Linear(4 * 8 * 8, c_dim)

    def features(self, img: torch.Tensor) -> torch.Tensor:
        return self.dense(self.norm(self.convolution(img)).flatten(1))

    def score(self, features: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return (features * (c + 0.1)).sum(1).float()


@pytest.fixture
def normed(monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """The settings of a run with batch normalisation, whose moving statistics are state too."""
    monkeypatch.setattr(networks, "build_generator", lambda _, *, z_dim, c_dim: NormedGenerator(z_dim, c_dim))
    monkeypatch.setattr(networks, "build_discriminator", lambda _, *, c_dim: NormedDiscriminator(c_dim))
    return small(objective="gan-cls", generator={}, discriminator={})


STAGES = {
    "stackgan1": {"generator": {"widths": [8, 8, 8, 4]}, "discriminator": {"widths": [4, 8, 8]}},
    "stackgan2": {"generator": {"width": 8}, "discriminator": {"widths": [4, 4, 8, 8]}},
}


@pytest.fixture(scope="module")
def stackgan1() -> TrainingConfig:
    """The settings of a first stage."""
    return small(architecture="stackgan1", objective="gan-cls", **STAGES["stackgan1"])


@pytest.fixture(scope="module")
def stackgan2(stackgan1, faces, tmp_path_factory) -> TrainingConfig:
    """The settings of a second stage, on the snapshot of a short run of the first."""
    trainer = make_trainer(stackgan1, faces, tmp_path_factory.mktemp("stage1"))
    trainer.step()
    trainer.snapshot()
    stage1 = str(trainer.run.folder / "snapshot")
    return small(architecture="stackgan2", objective="gan-cls", stage1=stage1, **STAGES["stackgan2"])


# -- parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lr", "beta2", "gamma", "augment", "ema_images"])
def test_schedules_are_half_a_cosine(name) -> None:
    unit = 100 if name == "ema_images" else 1  # which is a whole number
    start, end = (type(getattr(SMALL, name))(unit * share) for share in (0.4, 0.1))
    config = dataclasses.replace(SMALL, **{name: start, f"{name}_end": end}, schedule_images=60)
    values = [config.at(name, cur_nimg) / unit for cur_nimg in (0, 20, 30, 60, 99)]
    assert values == pytest.approx([0.4, 0.1 + 0.3 * 0.75, 0.25, 0.1, 0.1])


def test_batches_take_every_row_once_an_epoch() -> None:
    order = Order(10, 4, torch.Generator().manual_seed(0))
    rows = torch.cat([order.next() for _ in range(10)])  # four epochs
    epochs = rows.reshape(4, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 4


def test_batches_larger_than_the_data() -> None:
    rows = Order(3, 8, torch.Generator().manual_seed(0)).next()
    assert sorted(rows.bincount().tolist()) in ([2, 3, 3], [2, 2, 4])


def test_a_batch_is_in_range_and_its_texts_fit(faces, tmp_path) -> None:
    trainer = make_trainer(small(batch_size=32, drop_attributes=0.0), faces, tmp_path)
    (real, c, c_wrong, labels), z = trainer.next_batch()
    assert real.shape == (32, 3, 64, 64)
    assert (real.min(), real.max()) == (-1, 1)
    assert z.shape == (32, 4)
    assert c.shape == c_wrong.shape == (32, 132)
    assert (c.argmax(1) != c_wrong.argmax(1)).all()
    assert torch.equal((labels[:, 0] - 1) * 11 + labels[:, 1] - 1, c.argmax(1))
    # The faces are one of each pair, in the order of the one-hot: the text of each image is its own.
    images = faces.images[c.argmax(1)].float() / 127.5 - 1
    torch.testing.assert_close(real, images)


def test_the_chance_of_a_mirrored_face(faces, tmp_path) -> None:
    trainer = make_trainer(small(batch_size=132, drop_attributes=0.0, mirror=0.25), faces, tmp_path)
    (real, c, _, _), _ = trainer.next_batch()
    images = faces.images[c.argmax(1)].float() / 127.5 - 1
    as_it_was, mirrored = ((real == each).flatten(1).all(1) for each in (images, images.flip(3)))
    assert (as_it_was ^ mirrored).all()
    assert 0.1 < mirrored.float().mean() < 0.4


def test_hair_that_lacks_its_colour_is_left_out_of_the_captions(drawn_faces, tmp_path, capsys) -> None:
    hair = drawn_faces.attributes[:, 0]
    gray, blue = (1 + HAIR_COLOURS.index(colour) for colour in ("gray", "blue"))
    loose = hair == gray
    hair[loose] = blue
    trainer = make_trainer(small(hair_chroma=0.03), drawn_faces, tmp_path, quiet=False)
    assert torch.equal(trainer.data.attributes[:, 0] == 0, loose)
    assert f"hair colour left out of {loose.sum()} captions" in capsys.readouterr().out
    trusting = make_trainer(small(), drawn_faces, tmp_path)
    assert (trusting.data.attributes[:, 0] > 0).all()
    assert "left out" not in capsys.readouterr().out


def test_every_epoch_of_the_default_settings_is_seeded(faces, tmp_path) -> None:
    a, b, other = (make_trainer(small(seed=seed), faces, tmp_path) for seed in (5, 5, 6))
    assert_same(without_time(a.state()), without_time(b.state()))
    assert not torch.equal(next(a.G.parameters()), next(other.G.parameters()))
    for x, y in zip(*((*batch, z) for batch, z in (a.next_batch(), b.next_batch())), strict=True):
        assert torch.equal(x, y)


# -- one step --------------------------------------------------------------------------------------------------------


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objective ``"spy"``: checks what the loop gives it, and lists what the loop asks for."""
    calls: list[str] = []

    class Spy(OBJECTIVES["r3gan"]):  # type: ignore[misc]
        d_steps = 2
        penalty_interval = 3

        def discriminator_loss(self, D, batch, fake):
            assert not fake.requires_grad
            assert not batch.real.requires_grad
            assert all(p.requires_grad and p.grad is None for p in D.parameters())
            calls.append("D")
            return super().discriminator_loss(D, batch, fake)

        def after_discriminator_step(self, D):
            assert all(p.grad is not None for p in D.parameters())
            calls.append("after")

        def penalty(self, D, batch, fake, *, gamma, generator):
            assert fake.dtype == torch.float32
            assert not fake.requires_grad
            assert not torch.is_autocast_enabled("cpu")
            calls.append("penalty")
            return super().penalty(D, batch, fake, gamma=gamma, generator=generator)

        def generator_loss(self, D, batch, fake):
            assert fake.requires_grad
            assert all(p.grad is None for p in D.parameters())
            calls.append("G")
            return super().generator_loss(D, batch, fake)

    monkeypatch.setitem(OBJECTIVES, "spy", Spy)
    return calls


def test_bfloat16_trains_as_float32_does(drawn_faces, tmp_path) -> None:
    """The paired run: the same weights, faces and noise; the penalties are float32 in both."""
    means = {}
    for precision in ("float32", "bfloat16"):
        run = make_trainer(small(precision=precision, batch_size=8), drawn_faces, tmp_path / precision)
        stats = [run.step() for _ in range(16)]
        assert all(line["penalty"].dtype == torch.float32 for line in stats if "penalty" in line)
        means[precision] = {
            name: torch.stack([line[name] for line in stats if name in line]).float().mean().item()
            for name in ("loss_D", "loss_G", "penalty")
        }
    assert means["bfloat16"] == pytest.approx(means["float32"], rel=0.03)
    assert means["bfloat16"] != means["float32"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_order_of_a_step_and_whose_gradients_flow(faces, tmp_path, spy, precision) -> None:
    trainer = make_trainer(small(objective="spy", precision=precision), faces, tmp_path)
    for _ in range(2):
        stats = trainer.step()
        assert all(p.grad is None for network in (trainer.G, trainer.D) for p in network.parameters())
    assert "".join(call[0] for call in spy) == "DpaDaG" + "DaDpaG"  # a penalty with every third discriminator step
    assert (trainer.d_step, trainer.cur_nimg) == (4, 16)
    assert {"loss_D", "loss_G"} <= set(stats)
    assert not any(value.requires_grad for value in stats.values())


def test_a_step_moves_all_three_networks_and_follows_the_schedule(faces, tmp_path) -> None:
    trainer = make_trainer(small(lr=1e-3, lr_end=1e-5, beta2=0.8, beta2_end=0.9), faces, tmp_path)
    trainer.step()  # what lies behind a modulation of zero moves from the second step on
    for network in ("G", "D", "G_ema"):
        before = [p.detach().clone() for p in getattr(trainer.networks, network).parameters()]
        trainer.step()
        after = list(getattr(trainer.networks, network).parameters())
        assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True) if a.dim() > 1), network
    trainer.cur_nimg = 20  # half of schedule_images
    trainer.step()
    for optimizer in (trainer.networks.opt_G, trainer.networks.opt_D):
        assert optimizer.param_groups[0]["lr"] == pytest.approx((1e-3 + 1e-5) / 2)
        assert optimizer.param_groups[0]["betas"] == pytest.approx((0, 0.85))
    assert not any(p.requires_grad for p in trainer.networks.G_ema.parameters())


def test_interpolated_captions_add_to_the_generator_alone(faces, tmp_path) -> None:
    plain, mixed = (make_trainer(small(interpolate=share), faces, tmp_path) for share in (0.0, 0.5))
    stats = [trainer.step() for trainer in (plain, mixed)]
    assert torch.equal(stats[0]["loss_D"], stats[1]["loss_D"])
    assert stats[0]["loss_G"] != stats[1]["loss_G"]
    for a, b in zip(plain.D.parameters(), mixed.D.parameters(), strict=True):
        assert torch.equal(a, b)
    assert any(not torch.equal(a, b) for a, b in zip(plain.G.parameters(), mixed.G.parameters(), strict=True))


# -- a run -----------------------------------------------------------------------------------------------------------


def test_a_run_leaves_statistics_grids_a_snapshot_and_its_state(faces, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    train(SMALL, faces, run)
    assert {path.name for path in run.iterdir()} == {
        ".made-by",
        "config.json",
        "report.html",
        "samples",
        "snapshot",
        "state.pt",
        "stats.jsonl",
    }
    assert TrainingConfig.from_json((run / "config.json").read_text()) == SMALL
    assert load_state(run)["cur_nimg"] == 32

    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [12, 24, 32]
    names = {"images", "minutes", "images_per_second", "loss_D", "loss_G", "penalty"}
    assert all(set(line) - {"penalty"} == names - {"penalty"} for line in lines)
    assert "penalty" in lines[0]
    assert all(math.isfinite(value) for line in lines for value in line.values())
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith("images ")]) == 3

    assert sorted(path.name for path in (run / "samples").iterdir()) == ["00000000.png", "00000020.png", "00000032.png"]
    with Image.open(run / "samples" / "00000032.png") as grid:
        assert grid.size == (10 * 64, 2 * 64)

    pipeline = TextToFace.from_pretrained(run / "snapshot")
    assert pipeline.draw(["pink hair green eyes", "blue hair red eyes"], [0, 1]).shape == (2, 3, 64, 64)


@pytest.mark.parametrize(
    "case", ["residual", "residual in bfloat16", "batch normalisation", "acgan", "wgan-gp", "stackgan1", "stackgan2"]
)
def test_a_resumed_run_equals_an_uninterrupted_one(faces, tmp_path, case, request) -> None:
    normed = case == "batch normalisation"
    precision = "bfloat16" if "bfloat16" in case else "float32"
    config = request.getfixturevalue("normed") if normed else small(precision=precision, drop_attributes=0.3)
    if case in STAGES:
        config = request.getfixturevalue(case)
    config = dataclasses.replace(config, max_images=24, objective=case if case in OBJECTIVES else config.objective)
    whole = make_trainer(config, faces, tmp_path / "whole")
    whole.train()

    first = make_trainer(dataclasses.replace(config, max_images=12), faces, tmp_path / "parts")
    first.train()
    second = make_trainer(config, faces, tmp_path / "parts", resume=True)
    saved = load_state(first.run.folder)
    assert_same(without_time(second.state()), without_time(saved))
    second.train()
    steps = 10 if case == "wgan-gp" else 6  # whole ones of the generator
    assert (second.cur_nimg, second.d_step) == (4 * steps, steps)
    assert_same(without_time(second.state()), without_time(whole.state()))
    for name in ("snapshot/generator.safetensors", f"samples/{whole.cur_nimg:08d}.png"):
        assert (whole.run.folder / name).read_bytes() == (second.run.folder / name).read_bytes()
    assert second.minutes > saved["minutes"]


class ScriptedMonitor:
    """Gives the scores that it was told to."""

    def __init__(self, *scores: float) -> None:
        self.captions = ["orange hair black eyes", "aqua hair", "pink eyes"]
        self.sources = torch.zeros(3, dtype=torch.int64)
        self.scores = list(scores)

    def score(self, images: torch.Tensor) -> dict[str, float]:
        assert images.shape == (3, 3, 64, 64)
        assert images.dtype == torch.uint8
        return {"frechet": 1.0, "score": self.scores.pop(0)}


def test_the_best_generator_is_kept_across_a_resume(faces, tmp_path) -> None:
    def best() -> int:
        return json.loads((tmp_path / "best" / "config.json").read_text())["images_seen"]

    train(small(evaluate_images=8, max_images=20), faces, tmp_path, monitor=ScriptedMonitor(3.0, 1.0, 2.0))
    assert best() == 16
    train(small(evaluate_images=8), faces, tmp_path, monitor=ScriptedMonitor(1.5, 1.25), resume=True)
    assert best() == 16  # of the whole run, not of this process
    train(small(evaluate_images=8, max_images=40), faces, tmp_path, monitor=ScriptedMonitor(0.5), resume=True)
    assert best() == 40
    assert TextToFace.from_pretrained(tmp_path / "best").draw(["pink hair green eyes"], [0]).shape == (1, 3, 64, 64)
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    scores = {line["images"]: line["score"] for line in lines if "score" in line}
    assert scores == {8: 3.0, 16: 1.0, 20: 2.0, 24: 1.5, 32: 1.25, 40: 0.5}


def test_scoring_changes_nothing_in_training(faces, tmp_path) -> None:
    for name, monitor in (("with", ScriptedMonitor(1.0, 2.0)), ("without", None)):
        make_trainer(small(evaluate_images=12, max_images=16), faces, tmp_path / name, monitor=monitor).train()
    states = [without_time(load_state(tmp_path / name)) for name in ("with", "without")]
    assert [state.pop("best_score") for state in states] == [1.0, math.inf]
    assert_same(*states)


def test_resume_refuses_changed_settings_by_name(faces, tmp_path) -> None:
    train(small(max_images=8), faces, tmp_path)
    message = r"changed settings \(seed: 0 -> 1; lr: 0\.0004 -> 0\.1\); keep them, or .*: --init \S+ --run-dir NEW"
    with pytest.raises(InputError, match=message):
        train(small(lr=0.1, seed=1), faces, tmp_path, resume=True)
    with pytest.raises(InputError, match="training images: 132 -> 100"):
        train(small(), faces[:100], tmp_path, resume=True)
    with pytest.raises(InputError, match="training images: other ones, in another order"):
        train(small(), faces[torch.arange(len(faces)).flip(0)], tmp_path, resume=True)
    train(small(max_images=16, tick_images=4, snapshot_images=100, max_minutes=9.0), faces, tmp_path, resume=True)
    assert load_state(tmp_path)["cur_nimg"] == 16
    images = [json.loads(line)["images"] for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert images == [8, 12, 16]


def test_resume_knows_the_data_by_what_they_are(faces_zip, tmp_path) -> None:
    def load(*paths: str) -> FaceDataset:
        return load_faces(*paths)

    train(small(max_images=4), load(str(faces_zip)), tmp_path / "one")
    moved = shutil.copy(faces_zip, tmp_path / "moved.zip")
    train(small(max_images=8), load(f"renamed={moved}"), tmp_path / "one", resume=True)
    train(small(max_images=4), load(f"a={faces_zip}", f"b={moved}"), tmp_path / "two")
    with pytest.raises(InputError, match="sources: a, b -> b, a"):
        train(small(max_images=8), load(f"b={moved}", f"a={faces_zip}"), tmp_path / "two", resume=True)


def test_resume_refuses_another_text_encoder(faces, short_run, monkeypatch) -> None:
    monkeypatch.setattr("encoder.attributes.onehot.OneHotEncoder.space", OneHotSpace("onehot", "onehot-other"))
    with pytest.raises(InputError, match=r"text encoder: onehot-\w+ -> onehot-other"):
        train(small(), faces, short_run, resume=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s["G"].pop("start.weight"), r"G lacks start\.weight"),
        (lambda s: s["D"].update(x=torch.zeros(1)), "D has an unknown x"),
        (lambda s: s["G_ema"].update({"start.bias": torch.zeros(3)}), r"G_ema\.start\.bias is not torch\.float32"),
        (lambda s: s["G"]["start.bias"].fill_(math.nan), r"G\.start\.bias holds numbers that are not finite"),
        (lambda s: s.update(opt_G={}), "opt_G is not the state of an optimizer"),
        (lambda s: s["opt_G"].update(param_groups=[{}]), "opt_G is of other parameters or settings"),
        (lambda s: s["opt_D"]["state"].update({999: {}}), r"opt_D\.state\[999\] is not that of a parameter"),
        (lambda s: s["opt_D"]["state"][0].update(step=5), r"opt_D\.state\[0\]\.step is not"),
        (lambda s: s["opt_D"]["state"][0]["exp_avg"].fill_(math.inf), r"opt_D\.state\[0\]\.exp_avg holds numbers"),
        (lambda s: s.update(generator=s["generator"][:100]), "generator is not the state of a random generator"),
        (lambda s: s.update(generator=torch.zeros(5056)), "generator is not the state of a random generator"),
        (lambda s: s.update(order=torch.tensor([5000])), "order is not the numbers of 132 images"),
        (lambda s: s.update(order=torch.tensor([-1])), "order is not the numbers of 132 images"),
        (lambda s: s.update(order=torch.zeros(3)), "order is not the numbers of 132 images"),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_named(faces, trained, tmp_path, damage, message) -> None:
    state = load_state(trained)
    damage(state)
    save_state(tmp_path, state)
    with pytest.raises(InputError, match=rf"state\.pt: {message}"):
        make_trainer(small(), faces, tmp_path, resume=True)


def test_a_start_removes_what_a_killed_save_has_left(faces, tmp_path) -> None:
    orphan = tmp_path / ".state.pt.0a1b2c3d.tmp"
    orphan.write_bytes(b"half a state")
    train(small(max_images=4), faces, tmp_path)
    assert not orphan.exists()


def test_a_run_is_not_written_over(faces, short_run) -> None:
    before = (short_run / "state.pt").read_bytes()
    with pytest.raises(InputError, match="holds a run already; resume it by --resume"):
        train(small(), faces, short_run)
    assert (short_run / "state.pt").read_bytes() == before


def test_a_run_is_one_processs_at_a_time(faces, tmp_path) -> None:
    with locked(tmp_path), pytest.raises(InputError, match=f"process {os.getpid()} is at work there"):
        train(small(max_images=4), faces, tmp_path)
    assert not (tmp_path / "state.pt").exists()


def test_nothing_to_resume(faces, tmp_path) -> None:
    with pytest.raises(InputError, match="no training state to resume from"):
        train(small(), faces, tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


def test_a_run_that_was_ended_before_its_first_state_begins_again(faces, tmp_path) -> None:
    with opened(small(), faces, tmp_path, False, True):
        (tmp_path / "encoder").mkdir()  # as of a fit that Ctrl-C ended
    train(small(max_images=8), faces, tmp_path, resume=True)
    (tmp_path / "state.pt").unlink()
    with pytest.raises(InputError, match="no training state to resume from"):  # it has pictures to lose
        train(small(max_images=8), faces, tmp_path, resume=True)


def test_unusable_places_are_told_before_training(faces, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, so the folder"):
        train(small(), faces, tmp_path / "file" / "run")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match=r"device is 'cuda', which PyTorch does not find here"):
            train(small(device="cuda"), faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# -- two stages ------------------------------------------------------------------------------------------------------


def test_a_first_stage_trains_on_faces_averaged_down(faces, tmp_path, stackgan1) -> None:
    trainer = make_trainer(stackgan1, faces, tmp_path)
    batch, _ = trainer.next_batch()
    face = faces.images[batch.c.argmax(1)[0]].float() / 127.5 - 1  # the faces are in the order of the one-hot
    blocks = face.reshape(3, 32, 2, 32, 2).mean((2, 4))
    torch.testing.assert_close(batch.real[0], blocks)
    trainer.step()
    trainer.snapshot()
    with Image.open(next((tmp_path / "samples").iterdir())) as grid:
        assert grid.size == (10 * 32, 2 * 32)
    assert TextToFace.from_pretrained(tmp_path / "snapshot").draw(["red hair"], [0]).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("case", ["acgan", "stackgan1", "stackgan2"])
def test_the_released_discriminator_ranks_faces(faces, tmp_path, request, case) -> None:
    config = request.getfixturevalue(case) if case in STAGES else small(objective=case)
    trainer = make_trainer(config, faces, tmp_path)
    trainer.snapshot()
    pipeline = TextToFace.from_pretrained(tmp_path / "snapshot")
    c = pipeline.conditions("red hair blue eyes")
    (seed,) = Selector.from_pretrained(tmp_path / "snapshot", pipeline).best_seeds(c, [0], count=2)
    assert seed in candidate_seeds(0, 2)


def test_the_generators_own_term_is_in_its_loss(faces, tmp_path, stackgan1) -> None:
    losses = []
    for weight in (0.0, 2.0):
        config = dataclasses.replace(stackgan1, generator={**stackgan1.generator, "kl_weight": weight})
        trainer = make_trainer(config, faces, tmp_path)
        text = copy.deepcopy(trainer.G.text)
        batch, _ = copy.deepcopy(trainer).next_batch()
        losses.append(trainer.step()["loss_G"])
    torch.testing.assert_close(losses[1] - losses[0], 2 * text.kl(batch.c).detach())


def test_a_release_of_a_second_stage_holds_the_first_as_it_was(faces, tmp_path, stackgan2) -> None:
    train(stackgan2, faces, tmp_path / "run")
    first = TextToFace.from_pretrained(stackgan2.stage1).G.state_dict()
    release = TextToFace.from_pretrained(tmp_path / "run" / "snapshot")
    for name, value in release.G.stage1.state_dict().items():
        assert torch.equal(value, first[name]), name
    assert release.config.network["stage1"]["widths"] == [8, 8, 8, 4]
    assert release.draw(["red hair blue eyes"], [0]).shape == (1, 3, 64, 64)
    config = json.loads((tmp_path / "run" / "snapshot" / "config.json").read_text())
    assert config["training"]["stage1"] == "snapshot"  # no path of this machine


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage1": ""}, "stackgan2 refines what a trained stackgan1 draws; give the snapshot folder .* by --stage1"),
        ({"stage1": "nowhere"}, "nowhere: no such model folder"),
        ({"z_dim": 6}, "was trained with --z-dim 4; give this run the same"),
        ({"architecture": "residual", "generator": {}, "discriminator": {}}, "residual has no first stage; leave"),
        ({"encoder": "cached", "wordings": 1}, "were trained with the text encoder onehot"),
    ],
)
def test_an_unfit_first_stage_is_one_line(faces, tmp_path, stackgan2, changes, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        train(dataclasses.replace(stackgan2, **changes), faces, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_another_architecture_is_no_first_stage(faces, tmp_path, stackgan2) -> None:
    make_trainer(small(), faces, tmp_path).snapshot()
    with pytest.raises(InputError, match="holds a residual, and stackgan2 refines a stackgan1"):
        train(dataclasses.replace(stackgan2, stage1=str(tmp_path / "snapshot")), faces, tmp_path / "run")


def test_a_first_stage_of_other_sources(faces_zip, tmp_path, stackgan1, stackgan2) -> None:
    both = load_faces(f"a={faces_zip}", f"b={faces_zip}")
    with pytest.raises(InputError, match="was trained on the sources extra, this run's are a, b; give the same"):
        train(stackgan2, both, tmp_path / "run")


# -- when it ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["loss_D", "loss_G", "weights"])
def test_a_broken_run_stops_and_keeps_the_last_good_state(faces, tmp_path, monkeypatch, broken) -> None:
    sound_step = Trainer.step

    def step(self: Trainer) -> dict[str, torch.Tensor]:
        stats = sound_step(self)
        if self.cur_nimg == 24:  # the last step before the second tick
            if broken == "weights":
                next(self.G.parameters()).data.view(-1)[0] = float("nan")
            else:
                stats[broken] = torch.tensor(float("inf"))
        return stats

    monkeypatch.setattr(Trainer, "step", step)
    named = "the norm of G's weights" if broken == "weights" else broken
    start = rf"start another run .* a lower --lr than 0\.0004: --init {tmp_path}/snapshot --run-dir NEW"
    message = rf"{named} is (inf|nan) after 24 images; state\.pt is .*, but --resume computes the same again; {start}"
    with pytest.raises(NonFiniteError, match=message):
        train(small(), faces, tmp_path)
    state = load_state(tmp_path)
    assert state["cur_nimg"] == 12
    assert all(value.isfinite().all() for value in state["G"].values())
    monkeypatch.undo()
    train(small(max_images=16, snapshot_images=100), faces, tmp_path, resume=True)  # and can be gone on from


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"tick_images": 32, "snapshot_images": 100}, r"nothing was saved yet; .* a lower --lr than 1e\+06"),
        ({"tick_images": 4, "snapshot_images": 100}, r"--resume computes the same again; .* there is no snapshot"),
    ],
)
def test_what_helps_depends_on_what_was_saved(faces, tmp_path, monkeypatch, changes, advice) -> None:
    sound_step = Trainer.step

    def step(self: Trainer) -> dict[str, torch.Tensor]:
        return {**sound_step(self), **({"loss_D": torch.tensor(math.nan)} if self.cur_nimg >= 8 else {})}

    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(NonFiniteError, match=f"loss_D is nan after [0-9]+ images; .*{advice}"):
        train(small(lr=1e6, **changes) if "nothing" in advice else small(**changes), faces, tmp_path)


def test_broken_weights_are_not_released(faces, tmp_path) -> None:
    trainer = make_trainer(small(), faces, tmp_path)
    trainer.snapshot()
    good = (tmp_path / "snapshot" / "generator.safetensors").read_bytes()
    next(trainer.networks.G_ema.parameters()).data.view(-1)[0] = float("nan")
    with pytest.raises(NonFiniteError, match="G_ema"):
        trainer.snapshot()
    assert (tmp_path / "snapshot" / "generator.safetensors").read_bytes() == good


UNBOUNDED = "--generator '{\"bounded\": false}'"


@pytest.mark.parametrize(
    ("images", "bias", "objective", "cure"),
    [
        (20_000, 100.0, "r3gan", "a lower --lr than 0.0004 or a higher --gamma than 2 or " + UNBOUNDED),
        (20_000, 100.0, "gan-cls", "start another one with a lower --lr than 0.0004 or " + UNBOUNDED),
        (20_000, 0.0, "r3gan", None),
        (20, 100.0, "r3gan", None),  # an untrained generator may draw grey at first
    ],
)
def test_a_generator_that_draws_one_picture_is_told_of(faces, tmp_path, capsys, images, bias, objective, cure) -> None:
    trainer = make_trainer(small(objective=objective), faces, tmp_path)
    trainer.networks.G_ema.to_rgb.bias.data -= bias
    trainer.cur_nimg = images
    trainer.snapshot()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (cure is not None)
    if cure:
        assert lines[0].startswith(f"warning: {tmp_path / 'samples' / f'{images:08d}.png'}: its pictures are nearly")
        assert lines[0].endswith(cure)


def test_max_minutes(faces, tmp_path, monkeypatch) -> None:
    clock = itertools.count(step=10.0)  # ten seconds a look
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    train(small(max_minutes=1.0, max_images=10**6, tick_images=10**6, snapshot_images=10**6), faces, tmp_path)
    state = load_state(tmp_path)
    assert 0 < state["cur_nimg"] <= 24  # six looks a minute at most
    assert state["minutes"] == pytest.approx(1.0, abs=0.2)
    train(small(max_minutes=1.0, max_images=10**6, snapshot_images=10**6), faces, tmp_path, resume=True)
    assert load_state(tmp_path)["minutes"] > state["minutes"] + 0.8  # a limit of this process, a sum of the run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_with_its_state_saved(faces, tmp_path, monkeypatch, capsys, number) -> None:
    sound_step = Trainer.step

    def step(self: Trainer) -> dict[str, torch.Tensor]:
        if self.cur_nimg == 4:
            signal.raise_signal(number)
        return sound_step(self)

    monkeypatch.setattr(Trainer, "step", step)
    before = signal.getsignal(number)
    assert train(small(), faces, tmp_path).signal == number
    assert load_state(tmp_path)["cur_nimg"] == 8  # the step that was under way is finished
    assert "stopped after 8 images; --resume goes on from here" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_a_run_stopped_before_its_first_step_can_be_resumed(faces, tmp_path) -> None:
    trainer = make_trainer(small(), faces, tmp_path)
    trainer.train(should_stop=lambda: True)
    assert load_state(tmp_path)["cur_nimg"] == 0


# -- several sources -------------------------------------------------------------------------------------------------


def test_two_sources_have_a_place_each_in_the_condition(faces_zip, tmp_path) -> None:
    faces = load_faces(f"a={faces_zip}", f"b={faces_zip}")
    train(small(max_images=4), faces, tmp_path)
    pipeline = TextToFace.from_pretrained(tmp_path / "snapshot")
    assert pipeline.config.c_dim == 132 + 2
    assert pipeline.config.sources == ("a", "b")
    a, b = (pipeline.draw(["pink hair green eyes"], [0], style=style) for style in ("a", "b"))
    assert not torch.equal(a, b)


def test_the_source_of_each_face_is_in_its_condition(faces_zip, tmp_path) -> None:
    faces = load_faces(f"a={faces_zip}", f"b={faces_zip}")
    trainer = make_trainer(small(batch_size=64), faces, tmp_path)
    trainer.batches.order.rest = torch.arange(132 - 32, 132 + 32)  # the end of a, the beginning of b
    (_, c, c_wrong, _), _ = trainer.next_batch()
    for condition in (c, c_wrong):
        assert condition[:32, -2:].tolist() == [[1, 0]] * 32
        assert condition[32:, -2:].tolist() == [[0, 1]] * 32


def test_an_unfit_objective_is_refused_before_anything_is_written(faces, tmp_path, monkeypatch) -> None:
    class Refusing(Objective):
        def prepare(self, D: nn.Module, class_sizes: Sequence[int] = ()) -> None:
            raise InputError("not with this discriminator")

    monkeypatch.setitem(OBJECTIVES, "refusing", Refusing)
    with pytest.raises(InputError, match="not with this discriminator"):
        train(small(objective="refusing"), faces, tmp_path / "run")
    assert not Path(tmp_path / "run").exists()


def named(faces: FaceDataset, *names: str) -> FaceDataset:
    """The faces as if they came from sources of these names in turn."""
    return dataclasses.replace(faces, sources=torch.arange(len(faces)) % len(names), source_names=names)


@pytest.mark.parametrize("architecture", ["residual", "grouped", "baseline"])
def test_a_release_of_other_sources_is_begun_from(faces, tmp_path, capsys, monkeypatch, architecture) -> None:
    arguments: dict[str, Any] = {"architecture": architecture}
    if architecture == "grouped":
        width = {"widths": [16] * 5, "blocks": 1}
        arguments |= {"generator": {**width, "style_dim": 8}, "discriminator": {**width, "feature_dim": 8}}
    elif architecture == "baseline":
        arguments |= {"generator": {}, "discriminator": {"widths": [4, 4, 8, 8], "norm": False}}
    first = make_trainer(small(**arguments), named(faces, "a", "b"), tmp_path / "first")
    first.step()
    first.snapshot()
    release = tmp_path / "first" / "snapshot"
    c, z = torch.rand(3, 132), torch.randn(3, 4)

    def drawn(trainer: Trainer, *source: float) -> torch.Tensor:
        return trainer.networks.G_ema(z, torch.cat([c, torch.tensor(source).expand(3, -1)], dim=1))

    def begun(*names: str) -> Trainer:
        config = small(seed=1, init=str(release), **arguments)
        return make_trainer(config, named(faces, *names), tmp_path / "second", quiet=False)

    a, b = drawn(first, 1, 0), drawn(first, 0, 1)
    assert not torch.allclose(a, b)
    capsys.readouterr()
    one = begun("b")
    torch.testing.assert_close(drawn(one), b)
    one.step()  # it trains
    assert f"sources: b as in {release}, to begin with\n" in capsys.readouterr().out
    swapped = begun("b", "a")
    torch.testing.assert_close(drawn(swapped, 1, 0), b)
    torch.testing.assert_close(drawn(swapped, 0, 1), a)
    swapped.step()
    capsys.readouterr()
    more = begun("b", "c", "a")
    torch.testing.assert_close(drawn(more, 0, 0, 1), a)
    assert f"sources: b, a as in {release} and c as the mean of its a, b, to begin with" in capsys.readouterr().out
    torch.testing.assert_close(drawn(begun("c")), drawn(first, 0.5, 0.5))
    assert "sources" not in capsys.readouterr().out.replace("sources: c as the mean of its a, b", "")
    begun("d", "e")  # new names in the places of the old ones, as they are
    assert "sources" not in capsys.readouterr().out


def test_a_release_of_one_source_is_begun_from_by_two(faces, trained, tmp_path, capsys) -> None:
    config = small(init=str(trained / "snapshot"), max_images=8, generator={}, discriminator={})
    train(config, named(faces, "a", "b"), tmp_path / "second")
    assert "sources: a, b as the mean of its extra, to begin with" in capsys.readouterr().out
    pipeline = TextToFace.from_pretrained(tmp_path / "second" / "snapshot")
    assert pipeline.config.sources == ("a", "b")


def test_training_starts_from_a_released_folder(faces, trained, tmp_path) -> None:
    trainer = make_trainer(small(seed=1, init=str(trained / "snapshot")), faces, tmp_path)
    first = load_state(trained)
    for network, value in (("G", "G_ema"), ("G_ema", "G_ema"), ("D", "D")):
        for name, weight in getattr(trainer.networks, network).state_dict().items():
            assert torch.allclose(weight, first[value][name], rtol=1e-3, atol=1e-6), (network, name)


def test_a_release_that_knows_no_exact_colours_learns_them(faces, tmp_path) -> None:
    settings = {"encoder": "cached", "wordings": 1, "generator": {}, "discriminator": {}}
    train(small(max_images=4, encoder="cached", wordings=1), faces, tmp_path / "first")
    release = tmp_path / "first" / "snapshot"
    config = small(init=str(release), colours=0.5, seed=1, **settings)
    trainer = make_trainer(config, faces, tmp_path / "second")
    before = TextToFace.from_pretrained(release, dtype=torch.float32).G
    z, c, asked = torch.randn(3, 4), torch.rand(3, 25), torch.rand(3, 8)
    torch.testing.assert_close(before(z, c), trainer.networks.G_ema(z, torch.cat([c, asked], 1)))
    for _ in range(3):
        trainer.step()
    assert trainer.networks.G.embed[0].weight[:, 25:].any()  # and trains them
    trainer.snapshot()
    palette = ReleaseConfig.read(tmp_path / "second" / "snapshot").palette
    assert palette == trainer.batches.conditioner.palette
    assert palette["hair"]
    assert ReleaseConfig.read(release).palette == {}


def test_a_run_keeps_the_space_that_it_begins_with(faces, tmp_path) -> None:
    settings = {"encoder": "cached", "wordings": 1, "generator": {}, "discriminator": {}}
    train(small(max_images=4, encoder="cached", wordings=1), faces, tmp_path / "values")
    train(small(max_images=4, encoder="cached", wordings=1, colours=0.5), faces, tmp_path / "colours")
    for name, space in (("values", VALUE_SPACE), ("colours", COLOUR_SPACE)):
        release = tmp_path / name / "snapshot"
        assert ReleaseConfig.read(release).conditioning.space == space.name
        config = small(init=str(release), **settings)
        assert make_trainer(config, faces, tmp_path / "next").encoder.space == space


def test_a_run_from_a_release_differs_from_a_new_one_and_resumes_without_it(faces, short_run, tmp_path) -> None:
    config = small(init=str(short_run / "snapshot"), seed=1, max_images=8, generator={}, discriminator={})
    train(config, faces, tmp_path / "second")
    train(small(seed=1, max_images=8), faces, tmp_path / "new")
    weights = [load_state(tmp_path / name)["G"]["start.weight"] for name in ("run", "second", "new")]
    assert (weights[0] - weights[1]).abs().max() < (weights[2] - weights[1]).abs().max() / 10
    short_run.rename(tmp_path / "elsewhere")
    train(dataclasses.replace(config, max_images=16), faces, tmp_path / "second", resume=True)
    assert load_state(tmp_path / "second")["cur_nimg"] == 16
    seen = [
        json.loads((tmp_path / name / "snapshot/config.json").read_text())["images_seen"] for name in ("second", "new")
    ]
    assert seen == [load_state(tmp_path / "elsewhere")["cur_nimg"] + 16, 8]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("generator.safetensors", "snapshot: generator.safetensors is missing, so this is not a released model"),
        ("discriminator.safetensors", "snapshot/discriminator.safetensors: the weights cannot be read"),
    ],
)
def test_a_folder_that_training_cannot_start_from_is_named(faces, short_run, tmp_path, missing, message) -> None:
    (short_run / "snapshot" / missing).unlink()
    with pytest.raises(InputError, match=message):
        train(small(init=str(short_run / "snapshot")), faces, tmp_path / "second")


def test_a_run_from_a_release_has_its_networks_unless_told_otherwise(faces, trained, tmp_path) -> None:
    release = str(trained / "snapshot")
    with pytest.raises(InputError, match="was trained with --z-dim"):
        train(small(init=release, z_dim=5), faces, tmp_path / "other")
    train(small(init=release, max_images=4, generator={}, discriminator={}), faces, tmp_path / "second")
    saved = TrainingConfig.from_json((tmp_path / "second" / "config.json").read_text())
    assert saved.generator == SMALL.generator | {"text_layout": False, "bounded": True}
    assert saved.discriminator == SMALL.discriminator | {"fine_width": 16}  # all of them, defaults included
    with pytest.raises(InputError, match=r"another size \(detail_width\)"):
        train(small(init=release, generator={"detail_width": 2}), faces, tmp_path / "third")
    with pytest.raises(InputError, match=r"generator: .* -> .*keep them"):
        changed = small(init=release, max_images=8, generator={"detail_width": 6}, discriminator={})
        train(changed, faces, tmp_path / "second", resume=True)
    with pytest.raises(InputError, match="give --architecture residual, or --init none"):
        train(small(init=release, architecture="baseline", generator={}, discriminator={}), faces, tmp_path / "third")


def test_both_players_see_augmented_images_and_a_resume_repeats_them(faces, tmp_path, monkeypatch) -> None:
    seen = []

    def spy(img, chance, draws):
        seen.append((chance, draws))
        return img

    monkeypatch.setattr(batches, "augment", spy)
    trainer = make_trainer(small(augment=0.5, augment_end=0.5), faces, tmp_path)
    trainer.step()
    assert [chance for chance, _ in seen] == [0.5, 0.5]  # once for the real images, once for the fakes
    assert not torch.equal(seen[0][1], seen[1][1])
    save_state(tmp_path, trainer.state())
    trainer.step()
    again = make_trainer(small(augment=0.5, augment_end=0.5), faces, tmp_path, resume=True)
    again.step()
    assert torch.equal(seen[2][1], seen[4][1])
    assert torch.equal(seen[3][1], seen[5][1])


def test_adaptive_augmentation_goes_on_from_its_chance_and_is_told(faces, tmp_path) -> None:
    config = small(ada=True, augment=0.4, max_images=32)
    heldout = {"heldout": faces[:5]}
    train(config, faces, tmp_path / "unbroken", **heldout)
    train(dataclasses.replace(config, max_images=16), faces, tmp_path / "broken", **heldout)
    half = load_state(tmp_path / "broken")["augment"]
    train(config, faces, tmp_path / "broken", resume=True, **heldout)
    states = [load_state(tmp_path / name) for name in ("unbroken", "broken")]
    assert states[0]["augment"] == states[1]["augment"] != half != 0.4
    assert all(torch.equal(states[0]["D"][name], weight) for name, weight in states[1]["D"].items())
    lines = read_stats(tmp_path / "unbroken" / "stats.jsonl")
    assert {name for line in lines for name in line} >= {"augment", "overfitting"}
    assert "augment" in (tmp_path / "unbroken" / "report.html").read_text()


def test_the_grid_shows_every_source(faces, tmp_path, monkeypatch) -> None:
    two = dataclasses.replace(faces, sources=torch.arange(len(faces)) % 2, source_names=("a", "b"))
    trainer = make_trainer(small(), two, tmp_path)
    shown = []
    monkeypatch.setattr(
        trainer.networks.G_ema, "forward", lambda z, c: shown.append(c) or torch.zeros(len(z), 3, 64, 64)
    )
    trainer.snapshot()
    c = torch.cat(shown)
    assert torch.equal(c[:, -2:], torch.eye(2).repeat_interleave(len(PROMPTS), 0))
