from __future__ import annotations

import argparse
import dataclasses
import json
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from forked import Forked

import train_cgan
from gan.networks import ARCHITECTURES, build_discriminator, build_generator
from gan.training.conditions.faces import PROMPTS
from gan.training.config import PRESETS, TrainingConfig
from gan.training.ema import ema_decay
from gan.training.loop import Trainer
from gan.training.objectives import OBJECTIVES
from gan.training.state import load_state

ROOT = Path(__file__).parents[1]
FIELDS = [field.name for field in dataclasses.fields(TrainingConfig)]
SMALL = [
    *("--encoder", "onehot", "--batch-size", "4", "--z-dim", "4", "--precision", "float32", "--tick-images", "8"),
    *("--generator", '{"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8}'),
    *("--discriminator", '{"widths": [8, 8, 8, 8, 8], "feature_dim": 8}'),
]


@pytest.fixture(autouse=True)
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run does not look at the data, which are not there (``tests/gan/data/test_data_command.py`` does)."""
    monkeypatch.setattr("gan.train.show_data", lambda _: None)


def option(name: str) -> argparse.Action:
    return next(action for action in train_cgan.parser()._actions if action.dest == name)


def dry_run(capsys: pytest.CaptureFixture[str], *arguments: str) -> TrainingConfig:
    assert train_cgan.main(["--dry-run", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return TrainingConfig.from_json(out)


def one_error(err: str) -> str:
    """The only line on stderr that is an error."""
    (line,) = [line for line in err.splitlines() if re.match(r"(\S+: )?error: ", line)]
    assert "Traceback" not in err
    return line


# -- the options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_an_option_with_help(name) -> None:
    assert len(option(name).help or "") > 10
    assert option(name).option_strings[0] == f"--{name.replace('_', '-')}"


def test_help_is_printable_and_complete(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        train_cgan.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in text for name in FIELDS)
    assert "``" not in text


def test_choices_come_from_the_registries() -> None:
    assert tuple(option("architecture").choices or ()) == ARCHITECTURES
    assert tuple(option("objective").choices or ()) == tuple(OBJECTIVES)
    assert tuple(option("encoder").choices or ()) == ("cached", "live", "onehot")


def test_a_new_objective_is_a_new_choice(monkeypatch, capsys) -> None:
    monkeypatch.setitem(OBJECTIVES, "novel", OBJECTIVES["gan-cls"])
    assert dry_run(capsys, "--objective", "novel").objective == "novel"


def test_an_objective_comes_with_the_settings_of_its_paper(capsys) -> None:
    fields = {field.name for field in dataclasses.fields(TrainingConfig)}
    assert all(set(objective.settings) <= fields for objective in OBJECTIVES.values())
    config = dry_run(capsys, "--objective", "wgan-gp", "--lr", "0.5")
    assert (config.lr, config.lr_end, config.beta1, config.beta2_end, config.gamma) == (0.5, 1e-4, 0, 0.9, 10)
    config = dry_run(capsys, "--objective", "gan-cls", "--architecture", "baseline", "--preset", "gpu")
    assert (config.lr, config.beta1, config.batch_size) == (2e-4, 0.5, 256)
    assert config.architecture == "baseline"


def test_dry_run_prints_the_defaults_and_starts_nothing(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dry_run(capsys) == TrainingConfig()
    assert list(tmp_path.iterdir()) == []


def test_dry_run_takes_every_option(capsys) -> None:
    values = {"data": ["x.zip", "y"], "encoder": "live", "conditioning": "pooled", "architecture": "baseline"}
    values |= {"objective": "gan-cls", "generator": {"a": [1]}, "discriminator": {"b": 2}, "device": "cuda"}
    values |= {"encoder_path": "z", "init": "w", "precision": "bfloat16", "stage1": "v"}
    values |= {"log": ["wandb", "tensorboard"], "caption_column": "x,y", "image_column": "n"}
    for field in dataclasses.fields(TrainingConfig):
        if type(field.default) in (int, float):
            values[field.name] = 0.5 if isinstance(field.default, float) else 3
    values["rare"] = 1.5
    arguments = ["--ada"]
    for name, value in values.items():
        texts = value if isinstance(value, list) else [json.dumps(value) if isinstance(value, dict) else str(value)]
        arguments += [f"--{name.replace('_', '-')}", *texts]
    config = dry_run(capsys, *arguments)
    assert json.loads(config.to_json()) == values | {"ada": True}


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-size", "0"], "--batch-size is 0; it must be an integer from 1 to 4,096"),
        (["--batch-size", "1000000000"], "--batch-size is 1000000000; it must be an integer from 1 to 4,096"),
        (["--threads", "100000"], "--threads is 100000; it must be an integer from 0 to 256"),
        (
            ["--seed", str(2**70)],
            "--seed is 1180591620717411303424; it must be an integer from 0 to 9,223,372,",
        ),
        (["--generator", "[" * 100_000], "argument --generator: invalid JSON"),
        (["--lr", "nan"], "--lr is nan; it must be a number above 0 and at most 1e+30"),
        (["--beta1", "1.5"], "--beta1 is 1.5"),
        (["--generator", "[1]"], "--generator is a list; it must be an object"),
        (["--generator", '{"z_dim": 3}'], "it must be without z_dim and c_dim"),
        (["--batch-size", "many"], "argument --batch-size: invalid int value: 'many'"),
        (["--generator", "{"], "argument --generator: invalid"),
        (["--architecture", "cubist"], "argument --architecture: invalid choice: 'cubist'"),
        (["--objective", "cubist"], "argument --objective: invalid choice"),
        (["--colour", "red"], "unrecognized arguments: --colour"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(capsys, arguments, message) -> None:
    try:
        status = train_cgan.main(["--dry-run", *arguments])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in one_error(err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run-dir", "file/run"], "file: is a file, so the folder file/run cannot be made"),
        (["--run-dir", "x" * 5000], "cannot be reached (File name too long)"),
        (["--init", "nowhere"], "nowhere: no such model folder"),
        (["--init", "x" * 5000], "cannot be reached (File name too long)"),
        (["--stage1", "file"], "file: is not a folder"),
        (["--encoder-path", "file/below"], "file/below: no such folder"),
    ],
)
def test_places_are_refused_before_the_images_are_loaded(capsys, tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "gan.data.loading", None)  # importing it would fail
    (tmp_path / "file").touch()
    assert train_cgan.main(["--data", "nowhere.zip", *arguments]) == 2
    assert message in one_error(capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE is 'x', which is no number of processes"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE is '999"),
        ({"WORLD_SIZE": "2"}, "RANK is ''"),
        ({"WORLD_SIZE": "2", "RANK": "-1"}, "RANK is '-1'"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "the processes of the run do not meet"),
    ],
)
def test_a_parallel_run_that_torchrun_did_not_start(capsys, tmp_path, monkeypatch, variables, message) -> None:
    for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert train_cgan.main(["--data", "nowhere.zip", "--run-dir", str(tmp_path / "run")]) == 2
    assert message in one_error(capsys.readouterr().err)


def test_data_that_are_not_there(capsys, tmp_path) -> None:
    assert train_cgan.main(["--data", str(tmp_path / "none.zip"), "--run-dir", str(tmp_path / "run")]) == 2
    assert one_error(capsys.readouterr().err) == f"error: {tmp_path / 'none.zip'}: no such folder or zip"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--architecture", "baseline", "--generator", "{}", "--discriminator", "{}"], "batch normalisation"),
        (["--generator", '{"depth": 3}'], "'depth'"),
        (["--generator", '{"widths": [1, 2, 3, 4, 5]}'], "widths is [1, 2, 3, 4, 5]; it must be 4 whole numbers"),
        (["--discriminator", '{"feature_dim": -1}'], "feature_dim is -1; it must be an integer from 1 to 2,048"),
        (["--resume"], "no training state to resume from"),
        (["--evaluate-images", "8"], "11 held-out faces are too few to score a generator with"),
    ],
)
def test_a_run_that_cannot_begin(capsys, tmp_path, faces_zip, arguments, message) -> None:
    run = tmp_path / "run"
    assert train_cgan.main([*SMALL, "--data", str(faces_zip), "--run-dir", str(run), *arguments]) == 2
    assert message in one_error(capsys.readouterr().err)
    assert not run.exists()


def test_a_broken_run_is_status_1(capsys, tmp_path, faces_zip, monkeypatch) -> None:
    nan = {"loss_D": torch.tensor(float("nan")), "loss_G": torch.tensor(0.0)}

    def step(trainer) -> dict[str, torch.Tensor]:
        trainer.cur_nimg += 4
        return nan

    monkeypatch.setattr("gan.training.loop.Trainer.step", step)
    assert train_cgan.main([*SMALL, "--data", str(faces_zip), "--run-dir", str(tmp_path / "run")]) == 1
    assert "loss_D is nan after 8 images" in one_error(capsys.readouterr().err)


# -- a run -----------------------------------------------------------------------------------------------------------


def test_a_run_and_its_resume(capsys, tmp_path, faces_zip, monkeypatch) -> None:
    monkeypatch.setattr("gan.training.sample_grids.GRID_ROWS", 1)
    arguments = [*SMALL, "--data", str(faces_zip), "--run-dir", str(tmp_path / "run")]
    assert train_cgan.main([*arguments, "--max-images", "8"]) == 0
    out = capsys.readouterr().out
    assert "extra: 132 rows" in out
    assert "images 8 " in out
    assert train_cgan.main([*arguments, "--max-images", "16"]) == 2
    assert "holds a run already" in one_error(capsys.readouterr().err)
    assert train_cgan.main([*arguments, "--max-images", "16", "--resume", "--lr", "0.1"]) == 2
    assert "lr: 0.0004 -> 0.1" in one_error(capsys.readouterr().err)
    assert train_cgan.main([*arguments, "--max-images", "16", "--resume"]) == 0
    assert "images 16 " in capsys.readouterr().out
    assert train_cgan.main([*arguments, "--max-images", "16", "--resume"]) == 0
    finished = f"{tmp_path / 'run'}: finished after 16 images; a higher --max-images goes on"
    run = tmp_path / "run"
    assert capsys.readouterr().out.splitlines()[-3:] == [
        finished,
        f"pictures: {run}/samples and {run}/report.html",
        f"next: python infer.py --model {run}/snapshot --text '{PROMPTS[0]}'",
    ]
    grids = [path.name for path in sorted((run / "samples").iterdir())]
    assert grids == ["00000000.png", "00000008.png", "00000016.png"]


def test_a_run_in_a_thread(tmp_path, faces_zip, monkeypatch) -> None:
    monkeypatch.setattr("gan.training.sample_grids.GRID_ROWS", 1)
    arguments = [*SMALL, "--data", str(faces_zip), "--run-dir", str(tmp_path / "run"), "--max-images", "8"]
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(train_cgan.main(arguments)))
    thread.start()
    thread.join()
    assert statuses == [0]


def test_ctrl_c_again_while_the_state_is_saved_loses_nothing(tmp_path, faces_zip, monkeypatch, capsys) -> None:
    monkeypatch.setattr("gan.training.sample_grids.GRID_ROWS", 1)
    arguments = [*SMALL, "--data", str(faces_zip), "--run-dir", str(tmp_path / "run"), "--max-images", "800"]
    save, step = torch.save, Trainer.step

    def interrupted_step(trainer: Trainer) -> dict[str, torch.Tensor]:
        signal.raise_signal(signal.SIGINT)
        return step(trainer)

    def interrupted_save(state: object, path: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        save(state, path)

    monkeypatch.setattr(Trainer, "step", interrupted_step)
    monkeypatch.setattr(torch, "save", interrupted_save)
    assert train_cgan.main(arguments) == 130
    assert "stopped after 4 images; --resume goes on from here" in capsys.readouterr().err
    assert load_state(tmp_path / "run")["cur_nimg"] == 4

    def thrice(state: object, path: Path) -> None:
        for _ in range(3):  # the third one ends it at once, with the earlier state whole
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(torch, "save", thrice)
    assert train_cgan.main([*arguments, "--resume"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert load_state(tmp_path / "run")["cur_nimg"] == 4
    assert not list((tmp_path / "run").glob(".state*"))


def test_a_run_that_is_scored(capsys, tmp_path, faces_zip, monkeypatch) -> None:
    monkeypatch.setattr("gan.training.sample_grids.GRID_ROWS", 1)
    monkeypatch.setattr("gan.evaluation.sets.MIN_FACES", 11)
    run = tmp_path / "run"
    options = ["--max-images", "8", "--evaluate-images", "4"]
    assert train_cgan.main([*SMALL, *options, "--data", str(faces_zip), "--run-dir", str(run)]) == 0
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    scored = [line for line in lines if "score" in line]
    assert [line["images"] for line in scored] == [4, 8]
    assert {"hair", "eyes", "both", "frechet"} <= set(scored[0])
    best = min(scored, key=lambda line: line["score"])
    assert json.loads((run / "best" / "config.json").read_text())["images_seen"] == best["images"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_the_state_and_is_the_status(tmp_path, faces_zip, number) -> None:
    run = tmp_path / "run"
    options = [*SMALL, "--data", str(faces_zip), "--run-dir", str(run), "--max-images", "1000000"]
    process = Forked(train_cgan.main, options)
    while "\nimages " not in process.written()[0]:  # until the first report: training is under way
        assert process.returncode is None, process.written()
        time.sleep(0.05)
    process.kill(number)
    _, err = process.wait()
    assert process.returncode == 128 + number, err
    stopped = re.search(r"stopped after (\d+) images; --resume goes on from here", err)
    assert stopped, err
    assert load_state(run)["cur_nimg"] == int(stopped[1])
    assert (run / "snapshot" / "generator.safetensors").is_file()


@pytest.mark.parametrize("name", ["thesis.txt", "config.json"])
def test_a_folder_of_other_things_is_refused_before_any_work(tmp_path, name, capsys) -> None:
    (tmp_path / name).write_text("mine")
    assert train_cgan.main(["--data", "nowhere", "--run-dir", str(tmp_path)]) == 2
    assert f"holds {name}, which is no output of train_cgan.py; choose another folder" in one_error(
        capsys.readouterr().err
    )
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_preset_sets_defaults_and_options_win(capsys) -> None:
    config = dry_run(capsys, "--preset", "gpu", "--device", "cpu")
    assert (config.architecture, config.batch_size, config.device) == ("grouped", 256, "cpu")
    assert dry_run(capsys, "--preset", "cpu") == dry_run(capsys)


def test_the_assignment_s_baseline_is_a_preset(capsys) -> None:
    config = dry_run(capsys, "--preset", "assignment")
    assert (config.architecture, config.objective, config.z_dim) == ("baseline", "gan-cls", 100)
    assert (config.encoder, config.drop_attributes) == ("onehot", 0)
    assert (config.lr, config.lr_end, config.beta1) == (2e-4, 2e-4, 0.5)
    assert ema_decay(config.batch_size, 10_000, config.ema_images, config.ema_rampup) < 1e-9  # no averaging
    assert dry_run(capsys, "--preset", "assignment", "--objective", "wgan").lr == 5e-5


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_can_be_built(preset) -> None:
    config = TrainingConfig(data=("x",), **PRESETS[preset])
    G = build_generator(config.architecture, z_dim=config.z_dim, c_dim=4, **config.generator)
    D = build_discriminator(config.architecture, c_dim=4, **config.discriminator)
    OBJECTIVES[config.objective]().prepare(D)
    assert max(sum(p.numel() for p in network.parameters()) for network in (G, D)) < 10e6


# -- recipes ---------------------------------------------------------------------------------------------------------

STAGE = {
    "encoder": "onehot", "batch_size": 4, "z_dim": 4, "precision": "float32", "max_images": 16,
    "generator": {"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8},
    "discriminator": {"widths": [8, 8, 8, 8, 8], "feature_dim": 8},
}  # fmt: skip


def write_recipe(path: Path, *stages: dict[str, object]) -> str:
    path.write_text(json.dumps({"stages": stages}))
    return str(path)


def test_a_recipe_trains_its_stages_one_from_the_other_and_goes_on(faces_zip, tmp_path, capsys) -> None:
    recipe = write_recipe(tmp_path / "recipe.json", STAGE, STAGE | {"lr": 1e-4, "max_images": 8})
    command = ["--recipe", recipe, "--data", str(faces_zip), "--run-dir", str(tmp_path / "run"), "--tick-images", "8"]
    assert train_cgan.main(command) == 0
    first, second = (load_state(tmp_path / "run" / name) for name in ("1", "2"))
    assert (first["cur_nimg"], first["images_before"]) == (16, 0)
    assert (second["cur_nimg"], second["images_before"]) == (8, 16)
    assert json.loads(second["config"])["init"] == str(tmp_path / "run" / "1" / "snapshot")
    stats = (tmp_path / "run" / "2" / "stats.jsonl").read_bytes()

    assert train_cgan.main(command) == 0  # all is done
    assert (tmp_path / "run" / "2" / "stats.jsonl").read_bytes() == stats

    longer = write_recipe(tmp_path / "longer.json", STAGE, STAGE | {"lr": 1e-4, "max_images": 12})
    command[1] = longer
    assert train_cgan.main(command) == 0  # the second stage goes on, as after an interruption
    assert load_state(tmp_path / "run" / "2")["cur_nimg"] == 12


def test_a_recipe_shows_its_stages(tmp_path, capsys) -> None:
    recipe = write_recipe(tmp_path / "recipe.json", STAGE, {"lr": 1e-4, "max_images": 8})
    assert train_cgan.main(["--recipe", recipe, "--data", "x", "--threads", "2", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.count('"threads": 2') == 2
    assert out.count('"lr": 0.0001') == 1


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "stages is empty"),
        ([{"lr": 1e-4}], "no max_images"),
        ([{"max_images": 8, "init": "x"}], "sets init"),
        ([{"max_images": 8, "speed": 3}], "stage 1 of the recipe: unknown key speed"),
        ([{"max_images": 8, "lr": -1}], "lr is -1"),
    ],
)
def test_a_recipe_that_is_none_is_refused(stages, message, tmp_path, capsys) -> None:
    recipe = write_recipe(tmp_path / "recipe.json", *stages)
    assert train_cgan.main(["--recipe", recipe, "--data", "x", "--run-dir", str(tmp_path / "run")]) == 2
    assert message in one_error(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()


def test_a_recipe_has_all_settings(tmp_path, capsys) -> None:
    recipe = write_recipe(tmp_path / "recipe.json", STAGE)
    assert train_cgan.main(["--recipe", recipe, "--lr", "0.1", "--data", "x"]) == 2
    assert "leave out --lr" in one_error(capsys.readouterr().err)
