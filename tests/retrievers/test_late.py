"""Late chunking: one chunk is plain encoding, what stands around a chunk counts, every token counts once."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document
from pipeline.core.spec import identity
from retrievers.dense import DenseSearch
from retrievers.encode import EncodeChunks, EncodeQuestion
from retrievers.late import LateChunks
from retrievers.token_states import all_states
from retrievers.vector_index import VectorIndex

ISLAND = (
    "Tarn Holm is an island in the north of the lake. Its lighthouse was built in 1884 by a guild of masons. "
    "The keeper kept bees, and sold honey to the ferry crews. It burned down in 1931. "
)
TEXTS = ["A cat sleeps.", ISLAND, "x", "Zürich, 10 °C; naïve café.", "   padded \n with space  "]


def cut(text: str, *cuts: int, doc: str = "d") -> tuple[Chunk, ...]:
    edges = [0, *cuts, len(text)]
    return tuple(Chunk(doc, a, b, text[a:b]) for a, b in itertools.pairwise(edges))


def late(stage: LateChunks, chunks: tuple[Chunk, ...], *texts: str) -> dict[str, Any]:
    (value,) = stage.run([chunks], [tuple(Document(n, t) for n, t in zip("defg", texts, strict=False))])
    return value


def plain(stage: EncodeChunks, *texts: str) -> Any:
    (value,) = stage.run([tuple(Chunk("d", 0, len(t), t) for t in texts)])
    return value["vectors"]


@pytest.mark.parametrize("text", TEXTS)
def test_one_chunk_over_the_document_is_plain_encoding(text: str) -> None:
    for prompt in ("", "passage: "):
        value = late(LateChunks(passage_prompt=prompt), cut(text), text)
        assert np.allclose(value["vectors"], plain(EncodeChunks(passage_prompt=prompt), text), atol=1e-5)
        assert value["read_share"].tolist() == [1]


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_one_chunk_is_plain_encoding_for_any_encoder(tiny_encoder: Callable[[str], str], kind: str) -> None:
    model = tiny_encoder(kind)
    for text in ("a fox", "twenty-nine letters at most", "x"):
        value = late(LateChunks(model), cut(text), text)
        assert np.allclose(value["vectors"], plain(EncodeChunks(model), text), atol=1e-5)


def test_what_stands_around_a_chunk_counts() -> None:
    begins = ISLAND.index("It burned")
    other = ISLAND.replace("lighthouse", "brewery")
    shift = len(other) - len(ISLAND)
    one, two = cut(ISLAND, begins), cut(other, begins + shift)
    assert one[1].text == two[1].text
    assert np.array_equal(plain(EncodeChunks(), one[1].text), plain(EncodeChunks(), two[1].text))
    found = [late(LateChunks(), chunks, text)["vectors"] for chunks, text in ((one, ISLAND), (two, other))]
    assert np.abs(found[0][1] - found[1][1]).max() > 1e-3
    (question,) = EncodeQuestion().run(["When did the lighthouse burn down?"])
    assert question @ found[0][1] > question @ found[1][1] + 0.05, "the chunk says 'it', and the document of what"


@pytest.mark.parametrize("text", [ISLAND, ISLAND * 9])
def test_chunks_are_means_over_their_tokens(tiny_encoder: Callable[[str], str], text: str) -> None:
    stage = LateChunks(tiny_encoder("bert"), overlap=0.5)
    chunks = cut(text, 40, 44, 90)
    tokens = stage.tokens(text)
    states = all_states(stage, tokens, 0.5)
    middles = tokens.offsets.sum(axis=1) / 2
    for i, (chunk, vector) in enumerate(zip(chunks, late(stage, chunks, text)["vectors"], strict=True)):
        inside = (middles >= chunk.start) & (middles < chunk.end)
        inside[0], inside[-1] = i == 0, i == 3
        mean = states[inside].mean(axis=0)
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_overlapping_chunks_both_have_their_shared_tokens(tiny_encoder: Callable[[str], str]) -> None:
    stage = LateChunks(tiny_encoder("bert"))
    text = "one two three four"
    parts = [Chunk("d", 0, 7, text[:7]), Chunk("d", 4, 13, text[4:13]), Chunk("d", 4, 13, text[4:13])]
    together = late(stage, tuple(parts), text)["vectors"]
    for i, part in enumerate(parts):
        assert np.array_equal(together[i], late(stage, (part,), text)["vectors"][0])
    assert np.array_equal(together[1], together[2])


def test_a_chunk_without_a_token_has_the_nearest_one(tiny_encoder: Callable[[str], str]) -> None:
    stage = LateChunks(tiny_encoder("bert"))
    text = "ab          cd ef"
    chunks = (Chunk("d", 8, 10, "  "), Chunk("d", 12, 13, "c"))
    vectors = late(stage, chunks, text)["vectors"]
    assert np.array_equal(vectors[0], vectors[1])
    (vector,) = late(stage, (Chunk("d", 0, 2, "  "),), "  ")["vectors"]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6), "only the special tokens"


def test_no_token_at_all_is_a_zero_vector(tiny_encoder: Callable[[str], str]) -> None:
    value = late(LateChunks(tiny_encoder("llama"), document="mean"), (Chunk("d", 0, 1, " "),), " ")
    assert not value["vectors"].any() and not value["document_vectors"].any()


def test_documents_are_encoded_apart_and_chunks_keep_their_order(tiny_encoder: Callable[[str], str]) -> None:
    stage = LateChunks(tiny_encoder("modernbert"), document="mean")
    first, second = cut("the first one", 5), cut("a second document " * 5, 30, 40, doc="e")
    texts = ("the first one", "a second document " * 5)
    mixed = (second[2], first[0], second[0], first[1], second[1])
    value = late(stage, mixed, *texts)
    one, two = late(stage, first, texts[0]), late(stage, second, "", texts[1])
    assert np.array_equal(value["vectors"][[1, 3]], one["vectors"])
    assert np.array_equal(value["vectors"][[2, 4, 0]], two["vectors"])
    assert value["document"].tolist() == [0, 1, 0, 1, 0]
    assert np.array_equal(value["document_vectors"][1], one["document_vectors"][0])


def test_document_vectors(tiny_encoder: Callable[[str], str]) -> None:
    for text in ("short one", "one that needs several windows of the encoder, and then some"):
        chunks = cut(text, 5)
        stage = LateChunks(tiny_encoder("bert"), overlap=0)
        states = all_states(stage, stage.tokens(text))
        mean = late(LateChunks(stage.model, overlap=0, document="mean"), chunks, text)
        expected = states.mean(axis=0)
        assert np.allclose(mean["document_vectors"][0], expected / np.linalg.norm(expected), atol=1e-5)
        assert np.array_equal(mean["vectors"], late(stage, chunks, text)["vectors"])
        cls = late(LateChunks(stage.model, overlap=0, document="cls"), chunks, text)["document_vectors"][0]
        firsts = np.mean([s[0] for _, _, s in stage.states([stage.tokens(text)])], axis=0)
        assert np.allclose(cls, firsts / np.linalg.norm(firsts), atol=1e-5)
        both = late(LateChunks(stage.model, overlap=0, document="cls", document_weight=0.5), chunks, text)
        assert np.allclose(both["vectors"], mean["vectors"] + 0.5 * cls, atol=1e-6)


def test_a_context_without_chunks_and_a_search() -> None:
    stage = LateChunks(document="mean")
    empty = late(stage, (), "text")
    assert empty["vectors"].shape == empty["document_vectors"].shape == (0, 384)
    assert empty["read_share"].shape == empty["document"].shape == (0,)
    chunks = cut(ISLAND, 49, 104, 161)
    (index,) = VectorIndex().run([late(LateChunks(), chunks, ISLAND)])
    (question,) = EncodeQuestion().run(["Who sold honey?"])
    (ranking,) = DenseSearch(9).run([index], [question])
    assert ranking.ids[0] == 2 and sorted(ranking.ids) == [0, 1, 2, 3]


def test_pieces_are_known_by_text_and_spans_alone() -> None:
    stage = LateChunks()
    (one,) = stage.pieces(cut("abc def", 3), [Document("d", "abc def")])
    _, two = stage.pieces((*cut("z", doc="e"), *cut("abc def", 3)), [Document("d", "abc def"), Document("e", "z")])
    (three,) = stage.pieces(cut("abc def", 4), [Document("d", "abc def")])
    assert stage.piece_key(one) == stage.piece_key(two) != stage.piece_key(three)


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="overlap of 1"):
        LateChunks(overlap=1)
    with pytest.raises(UserError, match="document vector that is not made"):
        LateChunks(document_weight=0.5)
    with pytest.raises(UserError, match="document 'e' that is not among"):
        late(LateChunks(), cut("x", doc="e"), "x")
    with pytest.raises(UserError, match="document: 'sum' is not known"):
        LateChunks(document="sum")  # type: ignore[arg-type]
    from pipeline.core.tokens import minilm_folder

    copied = str(shutil.copytree(minilm_folder(), tmp_path / "copy"))
    assert identity(LateChunks(copied, batch_size=3)) == identity(LateChunks()) != identity(LateChunks(overlap=0.1))
