"""all-MiniLM-L6-v2, read from `model.zip` of its package, in the format of the cross-encoder's file."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded.cross_encoder import MAX_TOKENS, PASSAGE_LAYERS, quantized

LAYER = {
    "output": "attention.output.dense",
    "output_norm": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "narrow_norm": "output.LayerNorm",
}
"""Name of each array of a layer in the original."""
ATTENTION = ("query", "key", "value")

Arrays = dict[str, NDArray[Any]]


def read_model(path: str) -> tuple[Arrays, list[str]]:
    """Return the weights of the original by name, and its vocabulary."""
    with zipfile.ZipFile(path) as archive:
        names = {name.rpartition("/")[2]: name for name in archive.namelist()}
        stored = archive.read(names["model.safetensors"])
        vocabulary = json.loads(archive.read(names["tokenizer.json"]))["model"]["vocab"]
    size = int.from_bytes(stored[:8], "little")
    arrays = {}
    for name, entry in json.loads(stored[8 : 8 + size]).items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(stored[8 + size + begin : 8 + size + end], np.float32)
            arrays[name.removeprefix("bert.")] = values.reshape(entry["shape"])
    return arrays, sorted(vocabulary, key=lambda word: int(vocabulary[word]))


def frozen_arrays(model: Arrays, vocabulary: Sequence[str]) -> Arrays:
    """Return what the file has of the original."""
    embeddings = {
        name: model[f"embeddings.{name}.weight"]
        for name in ("word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm")
    }
    words, scale = quantized(embeddings["word_embeddings"])
    positions = embeddings["position_embeddings"] + embeddings["token_type_embeddings"][0]
    arrays: Arrays = {
        "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
        "words": words,
        "words_scale": scale,
        "words_norm": np.stack([embeddings["LayerNorm"], model["embeddings.LayerNorm.bias"]]),
        "positions": positions[:MAX_TOKENS].astype(np.float16),
    }
    for layer in range(PASSAGE_LAYERS):
        arrays |= stored_layer(layer_arrays(model, layer), f"layer{layer}")
    return arrays


def layer_arrays(model: Arrays, layer: int) -> Arrays:
    """Return the weights of a layer of the original, under the names of the file."""
    own = f"encoder.layer.{layer}."
    arrays = {}
    for part, suffix in (("weight", ""), ("bias", "_bias")):
        parts = [model[f"{own}attention.self.{name}.{part}"] for name in ATTENTION]
        arrays[f"attention{suffix}"] = np.concatenate(parts)
        for name, original in LAYER.items():
            if not name.endswith("_norm"):
                arrays[f"{name}{suffix}"] = model[f"{own}{original}.{part}"]
    for name in ("output_norm", "narrow_norm"):
        arrays[name] = np.stack([model[f"{own}{LAYER[name]}.{part}"] for part in ("weight", "bias")])
    return arrays


def stored_layer(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Return the arrays as the file has them: matrices in 8 bits."""
    stored: Arrays = {}
    for name, values in arrays.items():
        if values.ndim == 1 or name.endswith("_norm"):
            stored[f"{prefix}.{name}"] = values.astype(np.float16 if values.ndim == 1 else np.float32)
        else:
            stored[f"{prefix}.{name}"], stored[f"{prefix}.{name}_scale"] = quantized(values)
    return stored
