from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from safetensors.torch import save as serialise

from encoder.common import weights
from encoder.common.errors import InputError

TENSORS = {
    "layer.0.weight": torch.arange(12.0).reshape(3, 4),
    "layer.1.weight": torch.arange(12.0).reshape(3, 4) + 50,
    "half": torch.tensor([0.5, -2]).half(),
    "count": torch.tensor(7),
}
PRETRAINED = Path(__file__).parents[2] / "pretrained"
OURS = sorted(path for path in PRETRAINED.rglob("*.safetensors") if path.parent != PRETRAINED / "encoder")


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_weights_are_read_as_they_were_written(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "new" / "w.safetensors"
    weights.save(TENSORS, path, metadata)
    assert_equal(weights.load(path), TENSORS)
    assert_equal(load_file(path), TENSORS)  # by the library too
    data = path.read_bytes()
    assert weights.checksummed(data) == data == weights.checksummed(serialise(TENSORS, metadata))
    assert weights.plain_digest(path) == hashlib.sha256(serialise(TENSORS, metadata)).digest()


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights.save(TENSORS, path, {"format": "pt"})
    sound, rng = path.read_bytes(), random.Random(0)
    for i in range(len(sound)):
        path.write_bytes(sound[:i] + bytes([sound[i] ^ rng.randrange(1, 256)]) + sound[i + 1 :])
        with pytest.raises(InputError, match="the weights cannot be read") as caught:
            weights.load(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"", lambda data: data[:5], lambda data: data[:100], lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"junk", lambda data: bytes(len(data)), lambda data: (10**12).to_bytes(8, "little") + data[8:],
        lambda data: (200_000).to_bytes(8, "little") + b"[" * 200_000,
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_named(tmp_path: Path, damage) -> None:
    path = tmp_path / "w.safetensors"
    weights.save(TENSORS, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"w\.safetensors: the weights cannot be read") as caught:
        weights.load(path)
    assert "\n" not in str(caught.value)
    assert len(weights.plain_digest(path)) == 32


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="the weights cannot be read"):
            weights.load(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_neither_written_nor_read(tmp_path: Path, value: float) -> None:
    path, broken = tmp_path / "w.safetensors", {"a": torch.ones(3), "b": torch.tensor([1.0, value])}
    with pytest.raises(InputError, match=r"b holds numbers that are not finite; it is not written"):
        weights.save(broken, path)
    assert not path.exists()
    save_file(broken, path)  # a file of others, without a checksum
    with pytest.raises(InputError, match="b holds numbers that are not finite; restore"):
        weights.load(path)


def test_a_file_without_a_checksum_is_read(tmp_path: Path) -> None:
    for metadata in (None, {"format": "pt"}):
        save_file(TENSORS, tmp_path / "w.safetensors", metadata)
        assert_equal(weights.load(tmp_path / "w.safetensors"), TENSORS)
        assert weights.plain_digest(tmp_path / "w.safetensors") == hashlib.sha256(serialise(TENSORS, metadata)).digest()


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(PRETRAINED)))
def test_shipped_weights_have_a_checksum(path: Path) -> None:
    assert weights._is_checked(path)
    assert all(tensor.isfinite().all() for tensor in weights.load(path).values())


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match="it is a Git LFS pointer; fetch the file itself with 'git lfs pull'"):
        weights.load(path)
