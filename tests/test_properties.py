"""What holds of any text, any table and any config, by examples that hypothesis looks for."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from encoder.common.errors import InputError
from encoder.files import decode_lines, read_records
from encoder.text import MAX_TEXT, check_text, normalise
from gan.training.config import TrainingConfig

settings.register_profile(
    "project",
    max_examples=int(os.environ.get("EXAMPLES", 25)),  # by hand more of them: EXAMPLES=5000
    derandomize="EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("project")

texts = st.text(max_size=60)
"""Any characters, surrogates, controls and separators of lines among them."""
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20)
ids = st.from_regex(r"[0-9]{1,6}|[a-z][a-z0-9_.-]{0,10}", fullmatch=True)
rows = st.lists(st.tuples(ids, words), min_size=2, max_size=8, unique_by=lambda row: row[0])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_records(data: bytes) -> None:
    records = read_records(decode_lines(data))
    assert all(record.line >= 1 and record.id == record.id.strip() for record in records)


@given(st.lists(st.text(st.sampled_from('",;\t\r \x1c\u2028a1'), max_size=12), max_size=8))
@example(['"', '"'])
@example(['a,"b', 'c",d'])
def test_any_lines_are_records(lines: list[str]) -> None:
    assert len(list(read_records(lines))) <= len(lines)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@given(rows=rows)
def test_tables_of_csv_read_back(quoting: int, rows: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=quoting).writerows([("id", "text"), *rows])
    _assert_read_back(file.getvalue(), rows)


@pytest.mark.parametrize("index", [False, True])
@given(rows=rows)
def test_tables_of_pandas_read_back(index: bool, rows: list[tuple[str, str]]) -> None:
    _assert_read_back(pd.DataFrame(rows, columns=["id", "text"]).to_csv(index=index), rows)


def _assert_read_back(table: str, rows: list[tuple[str, str]]) -> None:
    assume(all(text == text.strip() and not (text[0] == text[-1] == '"') for _, text in rows))
    records = read_records(decode_lines(table.encode()))
    assert [(record.id, record.text) for record in records] == rows


@given(texts)
@example("ﬃ\u0345Å")
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(max_size=MAX_TEXT + 50))
def test_a_text_is_taken_or_an_input_error(text: str) -> None:
    try:
        taken = check_text(text, "--text")
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert taken == text.strip()
        assert 0 < len(taken.encode()) <= 4 * MAX_TEXT


@given(
    st.fixed_dictionaries(
        {"data": st.lists(words, min_size=1, max_size=3).map(tuple)},
        optional={
            "lr": st.floats(1e-9, 1.0),
            "seed": st.integers(0, 2**63 - 1),
            "batch_size": st.integers(1, 4096),
            "max_minutes": st.floats(0, 1e9),
            "init": words,
            "generator": st.dictionaries(st.sampled_from(["widths", "style_dim"]), st.lists(st.integers())),
        },
    )
)
def test_a_config_is_the_same_after_json(settings: dict[str, Any]) -> None:
    config = TrainingConfig(**settings)
    assert TrainingConfig.from_json(config.to_json()) == config


@given(st.sampled_from([field.name for field in dataclasses.fields(TrainingConfig)]), values)
def test_any_value_in_a_config_is_an_input_error_or_an_equal_config(name: str, value: Any) -> None:
    text = json.dumps(json.loads(TrainingConfig(data=("a",)).to_json()) | {name: value})
    try:
        config = TrainingConfig.from_json(text)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert TrainingConfig.from_json(config.to_json()) == config
