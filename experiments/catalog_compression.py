"""The catalogue's part for compression: methods by name, and how a route's `compress` becomes a node of the graph.

Adding a method is its file, one line here, and an agreement test; the contract tests find it here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from compressors.answer_paragraphs import AnswerParagraphs
from compressors.attention import AttentionSelection
from compressors.base import Method
from compressors.by_reader import ByReader
from compressors.extractive import Extractive
from compressors.head import Head
from compressors.infiniretri import InfiniRetri
from compressors.lingua import LLMLingua
from compressors.llmlingua2 import LLMLingua2
from compressors.longcodezip import LongCodeZip
from compressors.longllmlingua import LongLLMLingua
from compressors.recomp import RecompAbstractive, RecompExtractive
from compressors.selective_context import SelectiveContext
from compressors.stage import Compress, CompressDocuments
from compressors.structurize import Structurize
from experiments.config import build, pick
from pipeline.core.errors import UserError, nearest
from pipeline.core.stage import Documents, Node, QuestionText
from retrievers.chunk import WholeDocuments

COMPRESSORS: dict[str, type[Method]] = {
    "head": Head,
    "extractive": Extractive,
    "llmlingua": LLMLingua,
    "llmlingua2": LLMLingua2,
    "longcodezip": LongCodeZip,
    "longllmlingua": LongLLMLingua,
    "recomp_extractive": RecompExtractive,
    "selective_context": SelectiveContext,
    "attention": AttentionSelection,
    "infiniretri": InfiniRetri,
}

BY_READER: dict[str, type[ByReader]] = {
    "answer_paragraphs": AnswerParagraphs,
    "recomp_abstractive": RecompAbstractive,
    "structurize": Structurize,
}
"""Methods that ask the study's own reader, as a part of a route."""


def build_compression(
    component: Any, where: str, chunks: Node | None = None, ranking: Node | None = None
) -> Node | ByReader:
    """The node of a Compression, or what the reader itself shortens by.

    chunks, ranking: of the passages; without them, whole documents are compressed.
    component: `{type: head, ratio: 4}`, or with `budget: 2000` in place of the ratio, both in tokens of `tokenizer`.
    """
    if not isinstance(component, Mapping):
        raise UserError(f"{component!r} names no compressor", where=where, remedy="Write {type: head, ratio: 4}, say")
    kinds: dict[str, type[Any]] = {**COMPRESSORS, **BY_READER}
    cls, settings = pick(kinds, dict(component), where, "compressor")
    if issubclass(cls, ByReader):
        made: ByReader = build(cls, settings, where)
        return made
    shared = {f.name for f in dataclasses.fields(Compress)} - {"method"}
    common = {name: settings.pop(name) for name in list(settings) if name in shared}
    known = shared | {f.name for f in dataclasses.fields(cls)}
    for name in settings:
        if name not in known:
            raise UserError(f"unknown setting {name!r}", where=where, remedy=nearest(name, known))
    method: Method = build(cls, settings, where)
    if chunks is None and not method.asks:
        return build(CompressDocuments, {"method": method, **common}, where).on(Documents().on())
    inputs = [WholeDocuments().on(Documents().on()) if chunks is None else chunks, QuestionText().on()]
    return build(Compress, {"method": method, **common}, where).on(*inputs, *([ranking] if ranking else []))
