"""Tiny encoders with random weights, as folders that the encoders' stages load: every architecture, nothing fetched."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the libraries are imported, below

import string
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

TRAINED = 32
"""The longest text of a tiny encoder, in tokens with the special ones; a letter is a token."""


def _tokenizer(specials: bool) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    words = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[LMK]", *letters, *(f"##{x}" for x in letters)]
    rust = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    rust.normalizer = normalizers.Lowercase()
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if specials:
        rust.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=rust,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        extra_special_tokens=["[LMK]"],
        model_max_length=TRAINED,
    )


def _network(kind: str, size: int) -> Any:
    import torch
    from transformers import (
        BertConfig,
        BertModel,
        LlamaConfig,
        LlamaModel,
        ModernBertConfig,
        ModernBertModel,
        RobertaConfig,
        RobertaModel,
    )

    torch.manual_seed(0)
    # Weights far larger than usual: attention of a fresh network is so flat that positions would hardly matter.
    shape = {
        "vocab_size": size,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "initializer_range": 0.3,
        "pad_token_id": 1,
    }
    if kind == "bert":
        return BertModel(BertConfig(**shape, max_position_embeddings=TRAINED))
    if kind == "roberta":
        return RobertaModel(RobertaConfig(**shape, max_position_embeddings=TRAINED + 2))
    if kind == "llama":
        return LlamaModel(LlamaConfig(**shape, max_position_embeddings=TRAINED, num_key_value_heads=1))
    rest = {"bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    return ModernBertModel(ModernBertConfig(**shape, **rest, max_position_embeddings=TRAINED, local_attention=8))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """`tiny_encoder("bert" | "roberta" | "modernbert" | "llama")`: the folder of one, made once."""

    @lru_cache
    def make(kind: str) -> str:
        folder: Path = tmp_path_factory.mktemp(kind)
        tokenizer = _tokenizer(specials=kind != "llama")
        tokenizer.save_pretrained(folder)
        _network(kind, len(tokenizer)).save_pretrained(folder)
        return str(folder)

    return make
