"""Prompts put together from parts: always the tokens of the whole text, whatever the tokenizer and the text."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.records import Part, Prompt
from pipeline.generators._token_ids import TokenIds
from pipeline.generators.embedded import FOLDER

transformers = pytest.importorskip("transformers")

CORPUS = [
    "The lamp burned whale oil, and the keeper was paid in spring; 1,204 sheep graze on the hill.",
    "東京の塔は高い。灯台守は春に給料を受け取った。羊は丘で草を食べる。",
    "It's “quoted” — don't\tstop…\n\nCafé, naïve, Ærø 🙂🙂 and so on.   Two  spaces.",
]
TEMPLATE = "<s>[user]\n{{ messages[0]['content'] }}\n[reader]\n"
TRIMMING = "<s>[user]\n{{ messages[0]['content'] | trim }}\n[reader]\n"


def trained(kind: str):
    """A small tokenizer of the kind, as `transformers` loads any."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    special = ["<s>", "</s>", "<unk>"]
    match kind:
        case "bpe":
            rust = Tokenizer(models.BPE())
            rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            rust.decoder = decoders.ByteLevel()
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(
                vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
            )
        case "bpe with a space put first":
            rust = Tokenizer(models.BPE())
            rust.normalizer = normalizers.NFC()
            rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(
                vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
            )
        case "bpe over the whole text":
            rust = Tokenizer(models.BPE(unk_token="<unk>"))
            rust.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
            trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, show_progress=False)
        case "unigram":
            rust = Tokenizer(models.Unigram())
            rust.normalizer = normalizers.NFKC()
            rust.pre_tokenizer = pre_tokenizers.Metaspace()
            rust.decoder = decoders.Metaspace()
            trainer = trainers.UnigramTrainer(
                vocab_size=300, special_tokens=special, unk_token="<unk>", show_progress=False
            )
        case "wordpiece":
            rust = Tokenizer(models.WordPiece(unk_token="<unk>"))
            rust.normalizer = normalizers.BertNormalizer()
            rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False)
        case other:
            raise ValueError(other)
    rust.train_from_iterator(CORPUS * 20, trainer)
    template = "<s> $A </s>" if kind == "wordpiece" else "<s> $A"
    rust.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("<s>", 0), ("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


KINDS = ["shipped", "bpe", "bpe with a space put first", "bpe over the whole text", "unigram", "wordpiece"]


@pytest.fixture(scope="module")
def tokenizers():
    made = {kind: trained(kind) for kind in KINDS[1:]}
    made["shipped"] = transformers.AutoTokenizer.from_pretrained(FOLDER)
    return made


def parts(*texts: str) -> Prompt:
    return Prompt(tuple(Part("document", text) for text in texts))


def as_hf(tokenizer, text: str, template: str) -> list[int]:
    """What the reader `hf` gives its model."""
    if not template:
        return tokenizer(text, verbose=False)["input_ids"]
    turns = [{"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return tokenizer(rendered, add_special_tokens=False, verbose=False)["input_ids"]


# Pieces that tokenizers treat specially: runs of white space, scripts without spaces, marks, special tokens as text.
PIECES = st.sampled_from(
    [
        *(
            "lamp",
            "keeper's",
            " the",
            " oil",
            ".",
            ", ",
            "\n",
            "\n\n",
            " ",
            "   ",
            "\t",
            "12",
            "1,204",
            "don't",
            "x" * 40,
        ),
        *(
            "東京",
            "塔は高い",
            "。",
            "🙂",
            "👩‍👩‍👧",
            "e\u0301",
            "é",
            "\u0301",
            "Ærø",
            "—",
            "“",
            "</s>",
            "<s>",
            "<unk>",
            "\u200b",
            "\r\n",
        ),
        *("한국어", "ไทย", "नमस्ते", "\u00a0", "ß", "İ", "[1] ", "[SEP]", "_", "▁", "Ġ"),
    ]
)
LONG = st.tuples(st.lists(PIECES | st.text(max_size=12), min_size=1, max_size=40), st.integers(0, 2**31)).map(
    lambda drawn: spread(*drawn)
)
SHORT = st.lists(PIECES | st.text(alphabet=string.printable, max_size=8), max_size=6).map("".join)


def spread(pieces: list[str], seed: int) -> str:
    """A long text of these pieces, mixed with words."""
    rng = random.Random(seed)
    words = CORPUS[rng.randrange(len(CORPUS))].split(" ")
    made: list[str] = []
    while sum(map(len, made)) < 2600:
        made.append(rng.choice(pieces) if rng.random() < 0.3 else rng.choice(words) + " " * (rng.random() < 0.8))
    return "".join(made)


@pytest.mark.parametrize("template", ["", TEMPLATE, TRIMMING], ids=["plain", "chat", "trimming chat"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8)
@given(texts=st.lists(LONG | SHORT, min_size=1, max_size=5))
def test_the_ids_are_those_of_the_whole_text(tokenizers, kind, template, texts):
    tokenizer = tokenizers[kind]
    tokenizer.chat_template = template or None
    made = TokenIds(tokenizer, chat=bool(template))
    for prompt in (parts(*texts), parts(*texts, "\n\nQuestion: Who?\nAnswer:"), parts(*texts[::-1])):
        assert made.of(prompt).tolist() == as_hf(tokenizer, prompt.text, template)


@pytest.mark.parametrize(
    "text", ["a" * 4000, "東" * 4000, " " * 4000, "\n" * 4000, "🙂" * 2000, "ab " * 2000, "12" * 2000]
)
@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_one_kind_throughout(tokenizers, kind, text):
    made = TokenIds(tokenizers[kind], chat=False)
    for prompt in (parts(text), parts("[1] ", text, text, "?"), parts(text + "x", " ", text)):
        assert made.of(prompt).tolist() == tokenizers[kind](prompt.text)["input_ids"]


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "bpe over the whole text"])
def test_a_document_is_tokenized_once_for_all_its_questions(tokenizers, kind):
    tokenizer, seen = tokenizers[kind], []
    tokenizer.chat_template = None

    class Watched(TokenIds):
        wholes = 0

        def whole(self, text):
            self.wholes += 1
            return super().whole(text)

        def _ids(self, text):
            seen.append(len(text))
            return super()._ids(text)

    made = Watched(tokenizer, chat=False)
    documents = [spread(["\n\n", "1,204", "—"], seed) * 10 for seed in (1, 2)]
    shared = [Part("document", text) for text in documents]
    for k in range(6):
        prompt = Prompt(
            (Part("instruction", "Answer.\n\n"), shared[k % 2], Part("question", f"\n\nWho is number {k}?"))
        )
        assert made.of(prompt).tolist() == tokenizer(prompt.text)["input_ids"]
    assert made.wholes == 0
    assert sum(seen) < 0.2 * 6 * len(documents[0]), "only what stands around a document is tokenized each time"


def test_what_is_remembered_is_bounded(tokenizers, monkeypatch):
    monkeypatch.setattr("pipeline.generators._token_ids._HELD", 3000)
    made = TokenIds(tokenizers["shipped"], chat=False)
    for seed in range(12):
        made.of(parts(spread(["x"], seed), f"Who? {seed}"))
    assert len(made._longs) < 6
    assert made._held == sum(len(long.ids) for long in made._longs.values() if long)
