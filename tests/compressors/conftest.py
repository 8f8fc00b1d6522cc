"""Small models, made here and saved to disk, and the settings of the compressors that need one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.tokens import minilm_folder

READER = Path(__file__).parents[2] / "pipeline" / "generators" / "embedded_model"

WITH_MODEL: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "recomp_extractive": lambda models: {"model": str(minilm_folder())},
    "selective_context": lambda models: {"model": str(models / "reader")},
    "llmlingua": lambda models: {"model": str(causal_model(models / "tiny-llama"))},
    "longllmlingua": lambda models: {"model": str(causal_model(models / "tiny-llama"))},
    "longcodezip": lambda models: {"model": str(causal_model(models / "tiny-llama"))},
    "llmlingua2": lambda models: {"model": str(token_classifier(models / "tiny-bert-base-multilingual-cased"))},
    "attention": lambda models: {"model": str(causal_model(models / "tiny-llama"))},
    "infiniretri": lambda models: {"model": str(causal_model(models / "tiny-llama"))},
}
"""By method, its settings from the folder of the fixture `models`; methods that are not here need none."""


PLAIN = (
    "The harbour of Orrin Bay was built in 1871. Its lighthouse is kept by Mara Velt, who lives alone.\n\n"
    "Boats leave at dawn, and return with the tide. Nobody fishes on Sundays; the chapel bell rings at nine.\n\n"
    "A road leads north to Kesslin. It is closed in winter. "
) * 3
CODE = '''import os


def first(path: str) -> str:
    """Return the first line."""
    with open(path) as file:
        for line in file:
            return line.strip()
    return ""


class Keeper:
    name = "Mara Velt"

    def light(self) -> bool:
        self.on = True
        return self.on
'''
TEXTS = {
    "plain": PLAIN,
    "word": "lighthouse",
    "punctuation": "?!... --- ;;; ,,, ((( ))) !!! ??? ::: ...",
    "cjk": "灯台守は一人で暮らしている。船は夜明けに出て、潮とともに戻る。冬には道が閉ざされる。" * 4,
    "code": CODE,
    "no spaces": "lighthouse" * 60,
    "spaces": "   \n\n \t  ",
    "blank lines": "\n\n\n".join(f"Line {i} of the log." for i in range(30)),
    "emoji": "The light 🔥 burns 👩‍🚒 each night. " * 10,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `hard_text` runs on each of the texts that break compressors."""
    if "hard_text" in metafunc.fixturenames:
        metafunc.parametrize("hard_text", TEXTS.values(), ids=TEXTS)


@pytest.fixture(scope="session")
def plain() -> str:
    """Prose of three paragraphs, thrice."""
    return TEXTS["plain"]


@pytest.fixture(scope="session")
def code() -> str:
    """Python."""
    return TEXTS["code"]


@pytest.fixture(scope="session")
def cjk() -> str:
    """Japanese, without blanks."""
    return TEXTS["cjk"]


CLASSIFIED = (
    "The harbour master keeps a book of tides. Boats leave at dawn, and return with the tide; none fish on Sundays. "
    "Its lighthouse was built in 1871, and burns 20 lamps (each of 3.5 kg). Mara Velt's door is closed in winter! "
)


def token_classifier(folder: Path, kind: str = "bert") -> Path:
    """A classifier of two labels with random weights and a tokenizer of its own, saved in the folder: bert or xlmr."""
    if folder.is_dir():
        return folder
    import json

    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertForTokenClassification, XLMRobertaConfig, XLMRobertaForTokenClassification

    alphabet = [chr(c) for c in range(33, 127)]
    if kind == "bert":
        names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
        tokenizer: Any = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
        trainer: Any = trainers.WordPieceTrainer(
            vocab_size=500, special_tokens=list(names.values()), initial_alphabet=alphabet, show_progress=False
        )
    else:
        names = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
        )
        tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
        trainer = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=list(names.values()), unk_token="<unk>", initial_alphabet=alphabet,
            show_progress=False,
        )  # fmt: skip
    tokenizer.train_from_iterator([CLASSIFIED], trainer)
    ids = {name: tokenizer.token_to_id(token) for name, token in names.items()}
    frame = [(names["cls"], ids["cls"]), (names["sep"], ids["sep"])]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names['cls']} $A {names['sep']}",
        pair=f"{names['cls']} $A {names['sep']} $B {names['sep']}",
        special_tokens=frame,
    )
    size = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64, "pad_token_id": ids["pad"], "num_labels": 2, "initializer_range": 0.5,
    }  # fmt: skip
    torch.manual_seed(7)
    model: Any
    if kind == "bert":
        model = BertForTokenClassification(BertConfig(**size, max_position_embeddings=512))
    else:
        model = XLMRobertaForTokenClassification(XLMRobertaConfig(**size, max_position_embeddings=514))
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    told = {f"{name}_token": token for name, token in names.items()}
    told |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models; `reader` is the one that ships."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "reader").symlink_to(READER, target_is_directory=True)
    return folder


@pytest.fixture
def settings_of(models: Path) -> Callable[[str], dict[str, Any]]:
    """A method's settings by its name."""
    return lambda name: WITH_MODEL[name](models) if name in WITH_MODEL else {}


def causal_model(folder: Path, kind: str = "llama", positions: int = 2048) -> Path:
    """A causal model with random weights and the tokenizer that ships, saved in the folder: llama, gpt2 or mamba."""
    if folder.is_dir():
        return folder
    import torch
    import transformers

    torch.manual_seed(7)
    size: dict[str, Any] = {"vocab_size": 8192, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if kind == "gpt2":
        config: Any = transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=positions, **size)
    elif kind == "mamba":
        config = transformers.MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=4, **size)
    else:
        config = transformers.LlamaConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=positions,
            initializer_range=0.3,
            **size,
        )
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((READER / name).read_bytes())
    return folder


@pytest.fixture
def causal(models: Path) -> Callable[..., Path]:
    """A folder with a small causal model: `causal(kind, positions)`."""
    return lambda kind="llama", positions=2048: causal_model(models / f"tiny-{kind}-{positions}", kind, positions)


@pytest.fixture(scope="session")
def made_classifier() -> Callable[..., Path]:
    """`token_classifier`."""
    return token_classifier


@pytest.fixture(scope="session")
def attending(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Saves a Llama of four heads with random weights, without a tokenizer: `attending(kv_heads, **settings)`."""

    def save(kv_heads: int, **settings: Any) -> Path:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(kv_heads)
        config = LlamaConfig(
            hidden_size=64,
            intermediate_size=96,
            num_attention_heads=4,
            num_key_value_heads=kv_heads,
            max_position_embeddings=512,
            initializer_range=0.3,
            eos_token_id=None,
            **settings,
        )
        folder = tmp_path_factory.mktemp("attending")
        LlamaForCausalLM(config).save_pretrained(folder)
        return folder

    return save
