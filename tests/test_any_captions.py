"""Any captioned images, from the command line to a picture."""

import json
import math
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import infer
import train_cgan
from encoder.paths import ENCODER_DIR
from encoder.tuned import INDEX, copy
from gan.networks import build_discriminator, load_weights
from gan.pipeline import TextToFace
from gan.release import DISCRIMINATOR_FILE, ReleaseConfig
from gan.training.state import load_state
from tests.flowers import PAIRS, colours_of, draw_flower, write_flowers

SMALL = [
    *("--generator", '{"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8}'),
    *("--discriminator", '{"widths": [8, 8, 8, 8, 8], "feature_dim": 8}', "--z-dim", "4", "--batch-size", "4"),
    *("--max-images", "8", "--tick-images", "4", "--snapshot-images", "8", "--precision", "float32"),
]
TEXTS = ["a flower with red petals and a blue centre", "white petals, pink centre"]


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_flowers(tmp_path_factory.mktemp("flowers") / "flowers.zip", 64)


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path_factory.mktemp("cache")))
        monkeypatch.setattr("gan.training.conditioning.FIT_STEPS", (1, 2))
        monkeypatch.setattr("gan.training.sample_grids.GRID_ROWS", 1)
        yield


@pytest.fixture(scope="module")
def trained(flowers: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A finished run of a kind of conditioning: trained once, and to be copied by whoever changes it."""

    @cache
    def run(conditioning: str) -> Path:
        folder = tmp_path_factory.mktemp(conditioning) / "run"
        assert train(flowers, folder, "--conditioning", conditioning) == 0
        return folder

    return run


def train(flowers: Path, run_dir: Path, *options: str) -> int:
    return train_cgan.main(["--data", str(flowers), "--run-dir", str(run_dir), *SMALL, *options])


def test_colours_of_drawn_flowers_are_read_from_their_pixels() -> None:
    images = [draw_flower(petals, centre, seed=i) for i, (petals, centre) in enumerate(PAIRS)]
    pixels = torch.stack([torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8) for image in images])
    assert colours_of(pixels.view(-1, 64, 64, 3).permute(0, 3, 1, 2)) == list(PAIRS)


def test_a_run_resumes_with_its_vectors_on_another_cpu(flowers, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / "cache"))
    assert train(flowers, tmp_path / "a", "--conditioning", "pooled") == 0
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert train(flowers, tmp_path / "a", "--resume", "--max-images", "12") == 0
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr("gan.training.conditioning.fast_dtype", lambda: "bfloat16")
    assert train(flowers, tmp_path / "b", "--resume", "--max-images", "12") == 0
    a, b = (load_file(tmp_path / name / "snapshot" / "generator.safetensors") for name in "ab")
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("conditioning", ["pooled", "aligned"])
def test_a_release_of_any_captions_is_whole(trained, tmp_path, monkeypatch, capsys, conditioning) -> None:
    config = json.loads((trained(conditioning) / "config.json").read_text())
    assert config["conditioning"] == conditioning
    assert config["generator"].items() >= {"text_layout": True, "bounded": False, "style_dim": 8}.items()
    moved = shutil.copytree(trained(conditioning) / "snapshot", tmp_path / "moved")
    pipeline = TextToFace.from_pretrained(moved)
    assert pipeline.config.conditioning.kind == conditioning
    images = pipeline.draw(TEXTS, [0, 0])
    assert not torch.equal(images[0], images[1])
    guided = TextToFace.from_pretrained(moved, guidance=2.0).draw(TEXTS, [0, 0])
    assert not torch.equal(guided, images)

    monkeypatch.chdir(tmp_path)
    model = ["--model", str(moved)]
    assert infer.main([*model, "--text", TEXTS[0], "--best-of", "2", "--out", "a.png"]) == 0
    assert infer.main([*model, "--interpolate", *TEXTS, "--steps", "3", "--out", "b.png"]) == 0
    with Image.open("b.png") as picture:
        assert picture.size == (3 * 64, 64)
    out, err = capsys.readouterr()
    assert "a.png: 1 image in" in out
    assert "warning" not in err
    assert infer.main([*model, "--text", "赤い花", "--out", "c.png"]) == 0
    assert "the text encoder was trained on English" in capsys.readouterr().err
    (moved / "encoder" / "statistics.safetensors").write_bytes(b"")
    assert infer.main([*model, "--text", TEXTS[0], "--out", "d.png"]) == 2
    assert "statistics.safetensors: the weights cannot be read" in capsys.readouterr().err


def test_auto_takes_captions_where_few_speak_of_hair_and_eyes_and_says_so(flowers, tmp_path, capsys) -> None:
    assert train(flowers, tmp_path / "run", "--conditioning", "auto") == 0
    out = capsys.readouterr().out
    assert "conditioning: captions, as they are written, for 0 % of the captions" in out
    assert "fitting a text encoder to the images" in out
    assert (tmp_path / "run" / "encoder" / INDEX).exists()
    assert train(flowers, tmp_path / "run", "--resume", "--max-images", "16") == 0
    assert "fitting" not in capsys.readouterr().out  # it is found there


def test_auto_takes_attributes_of_faces(faces_zip, tmp_path, capsys) -> None:
    assert train(faces_zip, tmp_path / "run", "--wordings", "1") == 0
    assert "conditioning: attributes (hair, eyes, length), for 100 % of the captions" in capsys.readouterr().out


def test_attributes_of_flowers_are_refused(flowers, tmp_path, capsys) -> None:
    assert train(flowers, tmp_path / "run", "--conditioning", "attributes") == 2
    assert "no caption states hair or eyes" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_classes_from_a_column_serve_acgan_and_without_it_is_refused(flowers, tmp_path, capsys) -> None:
    assert train(flowers, tmp_path / "run", "--conditioning", "pooled", "--objective", "acgan") == 2
    assert "acgan classifies, and these captions name no classes" in capsys.readouterr().err
    folder = tmp_path / "data"
    folder.mkdir()
    lines = ["file_name,text,label"]
    for i, (petals, centre) in enumerate(PAIRS[:40]):
        draw_flower(petals, centre, seed=i).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{petals} petals,{petals}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    assert train(folder, tmp_path / "run", "--conditioning", "pooled", "--objective", "acgan") == 0
    config = json.loads((tmp_path / "run" / "snapshot" / "config.json").read_text())
    assert config["discriminator"]["class_heads"] == [len({petals for petals, _ in PAIRS[:40]})]


def test_a_few_images_train_with_gan_int_though_none_is_held_out(tmp_path) -> None:
    few = write_flowers(tmp_path / "few.zip", 3)
    assert train(few, tmp_path / "run", "--conditioning", "pooled", "--interpolate", "0.5") == 0


def test_one_image_is_refused(tmp_path, capsys) -> None:
    one = write_flowers(tmp_path / "one.zip", 1)
    assert train(one, tmp_path / "run", "--conditioning", "pooled") == 2
    assert "there is one image alone" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_same_captions_everywhere_are_refused_before_anything_is_fitted(tmp_path, capsys) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for i, colours in enumerate(PAIRS[:4]):
        draw_flower(*colours).save(folder / f"{i}.png")
    (folder / "tags.csv").write_text("".join(f"{i},a flower\n" for i in range(4)))
    assert train(folder, tmp_path / "run", "--conditioning", "aligned") == 2
    assert "all images have the same captions" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def encoder_of(release: Path) -> dict:
    return json.loads((release / "config.json").read_text())["conditioning"]


@pytest.mark.parametrize("conditioning", ["pooled", "aligned"])
def test_a_run_from_a_release_keeps_its_texts_though_the_data_are_others(trained, tmp_path, conditioning) -> None:
    first, run = shutil.copytree(trained(conditioning), tmp_path / "first") / "snapshot", tmp_path / "run"
    others = write_flowers(tmp_path / "others.zip", 20, seed=1)
    assert train(others, run, "--init", str(first)) == 0  # auto takes the release's conditioning
    assert encoder_of(run / "snapshot") == encoder_of(first)
    shutil.rmtree(tmp_path / "first")
    assert train(others, run, "--init", str(first), "--resume", "--max-images", "12") == 0
    assert TextToFace.from_pretrained(run / "snapshot").encoder.space.name == encoder_of(run / "snapshot")["space"]


def test_a_run_from_a_release_with_another_text_encoder_learns_its_texts_anew(trained, tmp_path, caplog) -> None:
    first, run, other = trained("aligned") / "snapshot", tmp_path / "run", tmp_path / "other"
    copy(first / "encoder", other)
    dense = load_file(other / "2_Dense" / "model.safetensors")
    save_file(
        {name: tensor.flip(0).contiguous() for name, tensor in dense.items()}, other / "2_Dense" / "model.safetensors"
    )
    others = write_flowers(tmp_path / "others.zip", 20, seed=1)
    options = ["--init", str(first), "--encoder-path", str(other), "--seed", "1"]
    options += ["--lr", "1e-30", "--lr-end", "1e-30"]
    assert train(others, run, *options) == 0
    assert "the layers that read texts begin anew" in caplog.text
    for name in ("generator", "discriminator"):
        theirs, ours = (load_file(folder / f"{name}.safetensors") for folder in (first, run / "snapshot"))
        changed = {key for key, tensor in theirs.items() if not torch.allclose(tensor, ours[key], atol=1e-3)}
        assert changed == {"embed.0.weight"}  # its bias is zero at first and hardly more behind so short a training
    assert encoder_of(run / "snapshot")["space"] != encoder_of(first)["space"]
    assert train(others, run, *options, "--resume", "--max-images", "12") == 0
    assert TextToFace.from_pretrained(run / "snapshot").encoder.space.name == encoder_of(run / "snapshot")["space"]


def test_captions_are_encoded_as_training_comes_to_them_and_a_resume_is_exact(flowers, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("gan.training.conditioning.AHEAD", 8)
    monkeypatch.setattr("gan.training.vectors.BLOCK", 4)
    kept = {}
    for name, places in (("unbroken", ["16"]), ("broken", ["8", "16"])):
        monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / f"cache-{name}"))
        for number, images in enumerate(places):
            options = ["--conditioning", "pooled", "--max-images", images, *(["--resume"] if number else [])]
            assert train(flowers, tmp_path / name, *options) == 0
            with sqlite3.connect(tmp_path / name / "captions" / "pooled.sqlite3") as connection:
                (kept[name, images],) = connection.execute("SELECT count(*) FROM vectors").fetchone()
    assert kept["broken", "8"] < kept["broken", "16"] == kept["unbroken", "16"] < 64 * 3
    states = [load_state(tmp_path / name) for name in ("unbroken", "broken")]
    assert states[0]["ahead"] == states[1]["ahead"] == 8
    assert all(torch.equal(states[0]["G"][name], weight) for name, weight in states[1]["G"].items())


def test_captions_go_on_from_the_shipped_release_that_fits(trained, faces_zip, tmp_path, monkeypatch, capsys) -> None:
    shipped = tmp_path / "pretrained" / "emoji"
    shutil.copytree(trained("aligned") / "snapshot", shipped)
    monkeypatch.setattr("gan.tasks.PRETRAINED", shipped.parent)
    others, run = write_flowers(tmp_path / "others.zip", 20, seed=1), tmp_path / "run"
    capsys.readouterr()
    assert train(others, run) == 0
    out = capsys.readouterr().out
    assert f"init: {shipped}, its text encoder included" in out
    assert "fitting" not in out
    assert encoder_of(run / "snapshot") == encoder_of(shipped)
    assert json.loads((run / "config.json").read_text())["init"] == str(shipped)
    shutil.move(shipped, tmp_path / "gone")
    assert train(others, run, "--resume", "--max-images", "12") == 0
    assert train(others, run, "--resume", "--max-images", "16", "--init", "none") == 2
    assert f"init: {shipped} -> none" in capsys.readouterr().err
    shutil.move(tmp_path / "gone", shipped)
    for options, reason in [
        (["--conditioning", "pooled"], f"init: none, for {shipped} does not go with --conditioning pooled"),
        (["--encoder-path", str(shipped / "encoder")], "does not go with --encoder-path"),
        (["--objective", "gan-cls", "--lr", "1e-4"], "does not go with --objective gan-cls"),
        (["--generator", '{"widths": [16, 8, 8, 8]}'], "does not go with --generator"),
        (["--z-dim", "5"], "does not go with --z-dim 5"),
        (["--init", "none"], ""),
        (["--architecture", "baseline", "--discriminator", '{"norm": false}', "--generator", "{}"], ""),
    ]:
        assert train(others, tmp_path / "new", *options, "--dry-run") == 0
        err = capsys.readouterr().err
        assert reason in err if reason else "init:" not in err
    assert train(faces_zip, tmp_path / "new", "--wordings", "1", "--dry-run") == 0
    assert "init:" not in capsys.readouterr().err


def test_a_release_of_another_kind_is_refused_in_one_line(trained, flowers, faces_zip, tmp_path, capsys) -> None:
    first = str(trained("pooled") / "snapshot")
    classes = ["--objective", "acgan", "--conditioning", "attributes", "--wordings", "1"]
    for options, message in [
        (["--conditioning", "aligned"], "was trained with --conditioning pooled, and this run is to train aligned"),
        (["--conditioning", "attributes"], "was trained with --conditioning pooled, and this run is to train attr"),
        (["--encoder", "onehot"], "was trained with --conditioning pooled, and this run is to train attributes"),
        (["--z-dim", "5"], "was trained with --z-dim 4"),
        (["--generator", '{"widths": [16, 8, 8, 8]}'], "has networks of another size (widths)"),
    ]:
        assert train(flowers, tmp_path / "run", "--init", first, *options) == 2
        assert message in capsys.readouterr().err
    assert train(faces_zip, tmp_path / "faces", "--wordings", "1") == 0
    assert train(faces_zip, tmp_path / "run", "--init", str(tmp_path / "faces" / "snapshot"), *classes) == 2
    assert "its discriminator tells no classes, and acgan does" in capsys.readouterr().err
    both = ["--data", str(flowers), f"other={flowers}", "--run-dir", str(tmp_path / "run"), *SMALL, "--init", first]
    assert train_cgan.main(both) == 0
    assert "other" in capsys.readouterr().out  # a new source is told, and begins as the mean of the release's


def test_a_run_widens_the_detail_of_the_model_that_it_starts_from(trained, flowers, tmp_path, capsys) -> None:
    first = trained("pooled") / "snapshot"
    config = ReleaseConfig.read(first)
    detail = {"detail_width": config.network["detail_width"] + 4}
    fine = {"fine_width": config.discriminator["fine_width"] + 3}
    options = ["--init", str(first), "--generator", json.dumps(detail), "--discriminator", json.dumps(fine)]
    assert train(flowers, tmp_path / "run", *options, "--lr", "1e-9", "--lr-end", "1e-9") == 0
    pixels, scores = [], []
    for folder in (first, tmp_path / "run" / "snapshot"):
        pipe, config = TextToFace.from_pretrained(folder), ReleaseConfig.read(folder)
        pixels.append(torch.frombuffer(bytearray(pipe("a red rose", seed=1).images[0].tobytes()), dtype=torch.uint8))
        D = build_discriminator(config.architecture, c_dim=config.c_dim, **config.discriminator)
        load_weights(D, folder / DISCRIMINATOR_FILE)
        scores.append(D(torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64), torch.ones(1, config.c_dim)))
    assert pipe.G.arguments["detail_width"] == detail["detail_width"]
    torch.testing.assert_close(pixels[1].short(), pixels[0].short(), atol=1, rtol=0)
    torch.testing.assert_close(scores[1], scores[0], atol=1e-3, rtol=1e-3)
    narrow = ["--generator", '{"detail_width": 2}', "--discriminator", '{"fine_width": 1}']
    assert train(flowers, tmp_path / "narrow", "--init", str(first), *narrow) == 2
    assert "has networks of another size (detail_width, fine_width)" in capsys.readouterr().err


def test_onehot_conditions_on_nothing_but_attributes(faces_zip, tmp_path, capsys) -> None:
    assert train(faces_zip, tmp_path / "run", "--encoder", "onehot", "--conditioning", "pooled") == 2
    assert "--encoder onehot does not go with --conditioning pooled" in capsys.readouterr().err


def test_an_encoder_that_was_fitted_to_other_images_is_not_taken_for_ones_own(
    trained, flowers, tmp_path, capsys
) -> None:
    shutil.copytree(trained("aligned"), tmp_path / "run")
    (tmp_path / "run" / "state.pt").unlink()  # as if the run had come to nothing
    capsys.readouterr()
    assert train(flowers, tmp_path / "run", "--conditioning", "aligned") == 0
    assert "fitting a text encoder" not in capsys.readouterr().out
    (tmp_path / "run" / "state.pt").unlink()
    assert train(write_flowers(tmp_path / "o.zip", 20, seed=1), tmp_path / "run", "--conditioning", "aligned") == 0
    assert "fitting a text encoder" in capsys.readouterr().out


def test_a_refused_resume_leaves_the_encoder_of_the_run_as_it_is(trained, tmp_path, capsys) -> None:
    shutil.copytree(trained("aligned"), tmp_path / "run")
    kept = (tmp_path / "run" / "encoder" / "tuned.safetensors").read_bytes()
    others = write_flowers(tmp_path / "others.zip", 20, seed=1)
    assert train(others, tmp_path / "run", "--resume", "--max-images", "12") == 2
    assert "cannot resume with changed settings (training images" in capsys.readouterr().err
    assert (tmp_path / "run" / "encoder" / "tuned.safetensors").read_bytes() == kept


def test_an_encoder_that_gives_no_numbers_is_named(flowers, tmp_path, capsys) -> None:
    broken = shutil.copytree(ENCODER_DIR, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    save_file({**weights, name: weights[name].float() * math.nan}, broken / "model.safetensors")
    options = ["--conditioning", "pooled", "--encoder-path", str(broken)]
    assert train(flowers, tmp_path / "run", *options) == 2
    assert (
        f"{broken / 'model.safetensors'}: embeddings.word_embeddings.weight holds numbers that are not finite"
        in capsys.readouterr().err
    )


def test_a_release_without_its_text_encoder_is_named(trained, tmp_path, capsys, monkeypatch) -> None:
    release = shutil.copytree(trained("aligned") / "snapshot", tmp_path / "release")
    shutil.rmtree(release / "encoder")
    monkeypatch.chdir(tmp_path)
    assert infer.main(["--model", str(release), "--text", "red petals"]) == 2
    assert "the text encoder of the release is missing; restore the folder" in capsys.readouterr().err
