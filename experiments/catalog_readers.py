"""The catalogue's part for readers: readers, KV policies and soft compressors by name, and how settings become them.

Adding one is its file, one line here, and an agreement test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compressors.kv import KVPolicy
from compressors.kv_a2sf import A2SF
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_quantised import Quantised
from compressors.kv_sinks import Sinks
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK
from compressors.soft import SoftCompressor
from compressors.soft_beacon import ActivationBeacon
from compressors.soft_cartridge import Cartridge
from compressors.soft_compllm import CompLLM
from experiments.catalog_data import Answers, Loaded
from experiments.config import Study, build, pick
from pipeline.core.errors import UserError
from pipeline.core.records import digest_parts
from pipeline.generators.base import Generator
from pipeline.generators.batch import Batch
from pipeline.generators.embedded import Embedded
from pipeline.generators.endpoint import Endpoint
from pipeline.generators.extractive import Extractive
from pipeline.generators.hf import HF
from pipeline.generators.recorded import Recorded
from pipeline.generators.scripted import Scripted
from pipeline.generators.vllm import VLLM

READERS: dict[str, type[Generator]] = {
    "embedded": Embedded,
    "extractive": Extractive,
    "hf": HF,
    "vllm": VLLM,
    "endpoint": Endpoint,
    "batch": Batch,
    "recorded": Recorded,
    "scripted": Scripted,
}

KV_POLICIES: dict[str, type[KVPolicy]] = {
    "sinks": Sinks,
    "snapkv": SnapKV,
    "key_norm": KeyNorm,
    "think": ThinK,
    "a2sf": A2SF,
    "blocks": Blocks,
    "quantised": Quantised,
}

SOFT_COMPRESSORS: dict[str, type[SoftCompressor]] = {
    "compllm": CompLLM,
    "cartridge": Cartridge,
    "activation_beacon": ActivationBeacon,
}


def build_readers(study: Study, loaded: Loaded) -> list[Generator]:
    """The study's readers; `recorded` stands for every model whose answers came with the data."""
    readers: list[Generator] = []
    for i, component in enumerate(study.readers):
        where = f"readers.{i}"
        cls, settings = pick(READERS, component, where, "reader")
        if cls is Recorded:
            if not loaded.recorded:
                raise UserError("the data holds no recorded answers", where=where, remedy="Name another reader")
            readers += [
                Recorded(model=model, answers=answers, answers_digest=_digest(answers))
                for model, answers in loaded.recorded.items()
            ]
        else:
            if cls is HF:
                _place(settings, "kv", KV_POLICIES, where, "KV policy")
                _place(settings, "soft", SOFT_COMPRESSORS, where, "soft compressor")
            readers.append(build(cls, settings, where))
    labels = [r.label for r in readers]
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(f"two readers are called {label!r}", where="readers", remedy="Give each a `name`")
    return readers


def _place(settings: dict[str, Any], key: str, known: Mapping[str, type[Any]], where: str, noun: str) -> None:
    """Put the component that a reader's setting names in the setting's place."""
    if settings.get(key) is not None:
        cls, own = pick(known, settings[key], f"{where}.{key}", noun)
        settings[key] = build(cls, own, f"{where}.{key}")


def _digest(answers: Answers) -> str:
    return digest_parts(part for key in sorted(answers) for part in (*key, answers[key] or ""))
