"""A tiny random BERT in the format of sentence-transformers: 2 layers, 4 heads, 32 numbers wide."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from encoder.attributes.vocabulary import canonical_captions

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WIDTH, LAYERS, HEADS, MAX_LENGTH = 32, 2, 4, 16


def make_tiny_bert(folder: Path, *, seed: int = 0, dtype: torch.dtype = torch.float32, width: int = WIDTH) -> Path:
    """Write the folder, laid out as the bundled one is, and return it."""
    folder.mkdir(parents=True)
    words = sorted({word for caption in canonical_captions() for word in caption.split()})
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, *words))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    tokenizer.save(str(folder / "tokenizer.json"))

    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": 24,
        "type_vocab_size": 2,
        "vocab_size": len(vocabulary),
        "layer_norm_eps": 1e-5,
        "pad_token_id": 0,
    }
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write_json(folder / "config.json", config)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": MAX_LENGTH, "do_lower_case": False})
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": 24})
    write_json(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
            for i, (path, name) in enumerate(modules)
        ],
    )
    (folder / "1_Pooling").mkdir()
    write_json(
        folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True}
    )

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return 0.3 * torch.randn(*shape, generator=generator)

    tensors = {
        "embeddings.word_embeddings.weight": normal(len(vocabulary), width),
        "embeddings.position_embeddings.weight": normal(24, width),
        "embeddings.token_type_embeddings.weight": normal(2, width),
        "pooler.dense.weight": normal(width, width),
        "pooler.dense.bias": normal(width),
    }
    shapes = {"embeddings.LayerNorm": (width,)}
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}"
        shapes |= {f"{layer}.attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        shapes |= {
            f"{layer}.attention.output.dense": (width, width),
            f"{layer}.intermediate.dense": (4 * width, width),
            f"{layer}.output.dense": (width, 4 * width),
            f"{layer}.attention.output.LayerNorm": (width,),
            f"{layer}.output.LayerNorm": (width,),
        }
    for name, shape in shapes.items():
        tensors[f"{name}.weight"] = normal(*shape)
        tensors[f"{name}.bias"] = normal(shape[0])
    tensors = {name: tensor.to(dtype).contiguous() for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_json(path: Path, value: object) -> None:
    """Write ``value`` to ``path``."""
    path.write_text(json.dumps(value), encoding="utf-8")


def edit_json(path: Path, **changes: object) -> None:
    """Change keys of the JSON object in ``path``."""
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | changes)
