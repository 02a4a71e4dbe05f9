"""A release for others: a whole folder with a model card, or a model of the Hugging Face Hub.

The card's YAML says what the hub shows of a model; its scores are those of the first table of the card, or of the
``results.md`` of ``python -m gan.evaluate``.
"""

from __future__ import annotations

import itertools
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder import tuned
from encoder.common.atomic import transaction, write_contents
from encoder.common.errors import InputError, reason_of
from encoder.common.folders import OutputFolder
from encoder.common.installation import DISTRIBUTION, missing_extra_error
from encoder.common.records import read_json
from encoder.common.templates import render
from encoder.pooled import STATISTICS_FILE
from gan.release import (
    CARD_FILE,
    CARD_YAML,
    CONFIG_FILE,
    DISCRIMINATOR_FILE,
    ENCODER_FOLDER,
    INVERTER_FILES,
    WEIGHTS_FILE,
    ReleaseConfig,
    encoder_folder,
    release_name,
)

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

OUTPUT = OutputFolder(
    "save_pretrained", (*INVERTER_FILES, CONFIG_FILE, WEIGHTS_FILE, DISCRIMINATOR_FILE, ENCODER_FOLDER, CARD_FILE)
)
TEMPLATE = Path(__file__).parent / "templates" / "card.md"
BASE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_SCORE = re.compile(r"(?P<value>-?\d[\d.e+-]*)(?P<percent> %)? \[[^]]*\]")


def save(
    release: Path,
    folder: Path,
    *,
    encoder_path: Path | None = None,
    license: str | None = None,
    scores: str | Path | None = None,
) -> None:
    """Copy a release to a folder that needs nothing beside it: with its text encoder, and a card.

    Args:
        release: Of a generator.
        folder: New, empty, or an earlier such copy, whose files are replaced all at once.
        encoder_path: The text encoder, where it is not the one that the release finds by itself.
        license: For the card, where it does not name one.
        scores: The ``results.md`` of ``gan.evaluate``, for a card that has no table of scores.

    Raises:
        InputError: A file of the release is missing, or one cannot be written, or ``folder`` holds something else.
    """
    config = ReleaseConfig.read(release)
    kind, own = config.conditioning.kind, release / ENCODER_FOLDER
    source = encoder_path or encoder_folder(release, kind)
    with OUTPUT.held(folder), transaction():
        to = folder / ENCODER_FOLDER
        if kind in ("head", "aligned") and source is not None:
            tuned.copy(source, to, alone=True)
        elif source is not None:
            tuned.copy_folder(source, to / tuned.BASE)
        if (own / STATISTICS_FILE).is_file():
            tuned.copy_file(own / STATISTICS_FILE, to / STATISTICS_FILE)
        write_contents(folder / CARD_FILE, card(release, config, license=license, scores=scores))
        for name in (*INVERTER_FILES, DISCRIMINATOR_FILE, WEIGHTS_FILE, CONFIG_FILE):
            if (release / name).is_file():
                tuned.copy_file(release / name, folder / name)


def push(release: Path, repo: str, *, message: str, private: bool, token: str | None, **options: Any) -> str:
    """Upload what ``save`` makes of a release to a model of the hub, made where it is missing; returns its address.

    Raises:
        InputError: As of ``save``, or the hub refuses it, or cannot be reached.
    """
    with missing_extra_error():
        from huggingface_hub import HfApi
    with tempfile.TemporaryDirectory(prefix="text2face-") as temporary:
        save(release, Path(temporary), **options)
        try:
            api = HfApi(token=token)
            address = api.create_repo(repo, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=address.repo_id, folder_path=temporary, ignore_patterns=[".*"], commit_message=message
            )
        except Exception as error:  # what the network, the hub and its client raise is of many kinds
            reason = reason_of(error).rstrip(".")[:200]
            raise InputError(
                f"{repo}: cannot be pushed to the hub ({reason}); check the name, the network and the token"
            ) from error
    return str(address)


def card(release: Path, config: ReleaseConfig, *, license: str | None = None, scores: str | Path | None = None) -> str:
    """The model card of a release: its own with the YAML completed, or one that says how to draw with it."""
    with missing_extra_error():
        import yaml
        from huggingface_hub import ModelCardData

    path = release / CARD_FILE
    name, text = release_name(release), path.read_text("utf-8") if path.is_file() else ""
    front = CARD_YAML.match(text)
    known = (yaml.safe_load(front[1]) if front else None) or {}
    body = text[front.end() :] if front else text
    if not body.strip():
        prompt = "what to draw" if config.conditioning.reads_texts else ""
        sources = ", ".join(config.sources)
        body = render(TEMPLATE, name=name, prompt=prompt, sources=sources, images=config.images_seen)
    table = body
    if scores:
        table = Path(scores).read_text("utf-8")
        body = f"{body.rstrip()}\n\n## Scores\n\n{table}"
    training = read_json(release / CONFIG_FILE, finite=False).get("training")
    data = training.get("data", []) if isinstance(training, dict) else []
    made: dict[str, Any] = {
        "license": license,
        "library_name": DISTRIBUTION,
        "pipeline_tag": "text-to-image",
        "language": "en",
        "base_model": BASE_MODEL if config.conditioning.has_text_network else None,
        "datasets": [Path(str(each)).stem for each in data] or None,
        "model_name": name,
    }
    if "model-index" not in known:
        made["eval_results"] = list(_results(table, Path(str((data or ["its data"])[0])).stem)) or None
    known = {key: value for key, value in known.items() if value is not None}
    return f"---\n{ModelCardData(**{**made, **known}).to_yaml()}\n---\n{body}"


def _results(text: str, data: str) -> Iterator[EvalResult]:
    """The scores in the first column of the first table with intervals in Markdown, as the hub's model index."""
    from huggingface_hub import EvalResult

    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    scores = [(row[0], _SCORE.fullmatch(row[1])) for row in rows if len(row) > 1]
    with_table = itertools.dropwhile(lambda each: not each[1], scores)
    for name, score in itertools.takewhile(lambda each: each[1], with_table):
        assert score is not None
        plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
        yield EvalResult(
            task_type="text-to-image",
            dataset_type=data,
            dataset_name=data,
            metric_type=re.sub(r"[^a-z0-9]+", "_", plain).strip("_"),
            metric_name=f"{name}, %" if score["percent"] else name,
            metric_value=float(score["value"]),
        )
