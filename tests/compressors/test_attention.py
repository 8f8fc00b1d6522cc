"""GemFilter's selection against the model's own attention, and against the paper's rule written down again."""

from itertools import pairwise

import numpy as np
import pytest

from compressors._attention import Attending, Encoded, Row, early_layer, neighbours
from compressors._causal import scorer
from compressors.attention import AttentionSelection
from compressors.base import Task, readable, shown
from pipeline.core.errors import UserError
from pipeline.core.sentences import split_sentences
from pipeline.core.tokens import tokenizer_named

torch = pytest.importorskip("torch")
WORDS = tokenizer_named("words")
TEXT = (
    "The harbour of Orrin Bay was built in 1871. Its lighthouse is kept by Mara Velt, who lives alone. Boats leave at "
    "dawn, and return with the tide. A road leads north to Kesslin. It is closed in winter. Nobody fishes on Sundays."
    "\n\n"
)
QUESTION = "Who keeps the lighthouse of Orrin Bay?"
SMALL = {
    "vocab_size": 8192, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 512, "initializer_range": 0.4,
}  # fmt: skip
GROUPED = {"num_attention_heads": 4, "num_key_value_heads": 2}
FAMILIES = {
    "multi-head": ("LlamaConfig", {"num_attention_heads": 4, "num_key_value_heads": 4}),
    "grouped": ("LlamaConfig", GROUPED),
    "multi-query": ("LlamaConfig", {"num_attention_heads": 4, "num_key_value_heads": 1}),
    "biases": ("Qwen2Config", GROUPED),
    "norms of queries and keys": ("Qwen3Config", GROUPED | {"head_dim": 16}),
    "mistral": ("MistralConfig", GROUPED | {"sliding_window": None}),
    "a sliding window below": ("MistralConfig", GROUPED | {"sliding_window": 24}),
    "capped scores": ("Gemma2Config", GROUPED | {"head_dim": 8, "attn_logit_softcapping": 2.0, "sliding_window": 400}),
    "sinks": ("GptOssConfig", GROUPED | {"head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 1}),
    "learned positions": ("GPT2Config", {"n_head": 4}),
}


@pytest.fixture(scope="session")
def family(models):
    """A folder with a small model of a family, with random weights and the tokenizer that ships."""

    def made(name):
        import transformers

        folder = models / f"family-{name.replace(' ', '-')}"
        if not folder.is_dir():
            kind, settings = FAMILIES[name]
            torch.manual_seed(11)
            config = getattr(transformers, kind)(**SMALL | settings)
            model = transformers.AutoModelForCausalLM.from_config(config)
            for parameter_name, parameter in model.named_parameters():
                if parameter_name.endswith(("bias", "sinks")):
                    torch.nn.init.normal_(parameter, std=0.3)
            model.save_pretrained(folder)
            for file in ("tokenizer.json", "tokenizer_config.json"):
                (folder / file).write_bytes((models / "reader" / file).read_bytes())
        return folder

    return made


def eager(folder, ids, layer):
    """(H, T, T) weights of a layer, by the library's own slow attention."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.inference_mode():
        return model(torch.tensor([ids]), output_attentions=True).attentions[layer][0].numpy()


# -- rows of attention ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_are_the_models_own_attention(name, family):
    folder = family(name)
    one = scorer(str(folder), device="cpu")
    ids = one.encode(TEXT * 2)[0][:90]
    # What a layer's own window or the sinks leave to a token is the same for all; below, layers do as they always do.
    for layer in range(3):
        weights = eager(folder, ids, layer)
        if name == "a sliding window below" and layer:
            continue
        asking = [70, 88, 89] if name != "a sliding window below" else [10, 23]
        (found,) = Attending(one, layer).read([Row(ids, asking, 3, 60)], "softmax")
        assert np.allclose(found, weights[:, asking, 3:60].mean((0, 1)), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("capped scores", "a sliding window below")])
def test_dots_are_those_that_the_models_own_attention_is_made_of(name, family):
    """ln of a weight is scale x dot less one number per head, so that sums over heads differ by one number."""
    folder = family(name)
    one = scorer(str(folder), device="cpu")
    ids = one.encode(TEXT * 2)[0][:90]
    (found,) = Attending(one, 1).read([Row(ids, [50, 89], 0, 90)], "dot")
    logs = np.log(eager(folder, ids, 1)[:, -1].astype(np.float64)).sum(0)
    scale = 16**-0.5 if name == "norms of queries and keys" else 8**-0.5
    rest = scale * found - logs
    assert np.ptp(logs) > 0.5
    assert np.ptp(rest) < 1e-4 * max(1.0, np.ptp(logs))


def test_a_sliding_window_below_the_layer_is_kept_to(family):
    """Layer 1 reads what layer 0 made of a window: its keys are not those of a model without one."""
    one = scorer(str(family("a sliding window below")), device="cpu")
    free = scorer(str(family("mistral")), device="cpu")
    ids = one.encode(TEXT * 2)[0][:90]
    row = [Row(ids, [89], 0, 90)]
    for layer, same in ((0, True), (1, False)):
        found, other = Attending(one, layer).read(row, "dot")[0], Attending(free, layer).read(row, "dot")[0]
        assert np.allclose(found, other, atol=1e-4) == same


@pytest.mark.parametrize("how", ["dot", "softmax"])
@pytest.mark.parametrize("name", ["grouped", "learned positions", "a sliding window below", "capped scores", "sinks"])
def test_a_row_has_in_a_batch_and_behind_a_common_text_what_it_has_alone(name, how, family):
    one = scorer(str(family(name)), device="cpu")
    ids = one.encode(TEXT * 2)[0]
    context = ids[:80]
    rows = [Row(ids[:n], [n - 3, n - 1], 2, n - 5) for n in (90, 31, 57)]
    rows += [Row([*context, *ids[a:b]], [80, 79 + b - a], 1, 80) for a, b in ((10, 20), (3, 9), (40, 41))]
    attending = Attending(one, 2)
    alone = [attending.read([row], how)[0] for row in rows]
    for by_itself in (True, False):
        one.alone = by_itself
        for row, expected, found in zip(rows, alone, attending.read(rows, how), strict=True):
            assert len(found) == row.end - row.start
            assert np.allclose(found, expected, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_layers_0_to_r_run_and_no_other(layer, family):
    one = scorer(str(family("grouped")), device="cpu")
    entered = []
    hooks = [
        block.register_forward_pre_hook(lambda *_, n=n: entered.append(n))
        for n, block in enumerate(one._loaded.model.model.layers)
    ]
    try:
        Attending(one, layer).read([Row(range(3, 40), [36], 0, 30)], "dot")
    finally:
        for hook in hooks:
            hook.remove()
    assert entered == list(range(layer + 1))


def test_no_tensor_is_as_large_as_all_attention(family):
    """4 heads x 1500 x 1500 weights would be 9 million numbers; the largest tensor stays below a twentieth of them."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        seen = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            for tensor in out if isinstance(out, tuple | list) else [out]:
                if isinstance(tensor, torch.Tensor):
                    self.seen = max(self.seen, tensor.numel())
            return out

    one = scorer(str(family("grouped")), device="cpu")
    with Largest() as watched:
        Attending(one, -1).read([Row([5] * 1500, [1490, 1499], 0, 1400)], "softmax")
    assert 0 < watched.seen < 4 * 1500 * 1500 / 20


def test_others_who_use_the_model_find_it_as_it_was(family):
    one = scorer(str(family("sinks")), device="cpu")
    ids = one.encode(TEXT)[0][:60]
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(family("sinks"), dtype=torch.float32).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = [-float(logits[i - 1, ids[i]]) for i in range(1, len(ids))]
    Attending(one, 1).read([Row(ids, [59], 0, 59)], "dot")
    assert np.allclose(one.nll([((), ids)])[0][1:], expected, atol=1e-4)


def test_the_default_layer_is_a_share_of_the_depth():
    assert [early_layer(n) for n in (1, 2, 10, 32, 40)] == [0, 1, 6, 19, 24]


def test_the_default_layer_attends_to_everything(models, family):
    folder = family("capped scores")  # window, all, window
    one = scorer(str(folder), device="cpu")
    assert early_layer(3) == 1
    assert Attending(one, None).layer == 1
    assert Attending(one, -3).layer == 0


def test_neighbours_of_known_numbers():
    sums, counts = neighbours(np.array([1.0, 2.0, 4.0, 8.0]), 3)
    assert (sums.tolist(), counts.tolist()) == ([3, 7, 14, 12], [2, 3, 3, 2])
    sums, counts = neighbours(np.array([1.0, 2.0, 4.0, 8.0]), 2)
    assert (sums.tolist(), counts.tolist()) == ([1, 3, 6, 12], [1, 2, 2, 2])
    assert neighbours(np.array([5.0]), 9)[0].tolist() == [5.0]


# -- what stays -------------------------------------------------------------------------------------------------------


def shortened(method, texts, budget, tokenizer=WORDS, question=QUESTION):
    (found,) = method.shorten([Task(tuple(texts), question, budget, tokenizer)])
    return found


def told(texts, found):
    return [shown(texts[kept.index], readable(texts[kept.index], kept.stretches)) for kept in found.kept]


def gemfilter(folder, layer, text, asked):
    """The paper's order of a context's tokens, best first: its rule with torch's own average, on queries and keys that
    hooks take behind the projections and the library's function rotates."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    context = tokenizer(text)["input_ids"]
    ids = torch.tensor([[*context, *tokenizer(asked, add_special_tokens=False)["input_ids"]]])
    block, taken = model.model.layers[layer].self_attn, {}
    for name in ("q_proj", "k_proj"):
        getattr(block, name).register_forward_hook(lambda m, i, out, name=name: taken.__setitem__(name, out))
    with torch.inference_mode():
        model(ids)
        cos, sin = model.model.rotary_emb(taken["q_proj"], torch.arange(ids.shape[1])[None])
        query, key = (taken[n].view(1, ids.shape[1], -1, block.head_dim).transpose(1, 2) for n in ("q_proj", "k_proj"))
        query, key = apply_rotary_pos_emb(query, key, cos, sin)
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        dots = (query[0, :, -1:] @ key[0].transpose(1, 2))[:, 0].sum(0)[1 : len(context)]
        pooled = torch.nn.functional.avg_pool1d(dots[None], 5, stride=1, padding=2, count_include_pad=False)[0]
    return pooled.argsort(descending=True).tolist()


@pytest.mark.parametrize("k", [8, 20, 40])
def test_tokens_by_the_last_query_are_the_papers(k, models, family):
    for folder, layer in ((models / "reader", 6), (family("grouped"), 1)):
        tokenizer = tokenizer_named(str(folder))
        method = AttentionSelection(model=str(folder), layer=layer, query="last", units="tokens", pool=5)
        order = gemfilter(folder, layer, TEXT, method.ask.format(question=QUESTION))
        offsets = tokenizer.spans(TEXT)
        (kept,) = shortened(method, [TEXT], k, tokenizer).kept
        inside = {i for a, b in kept.stretches for i in range(a, b)}
        chosen = {n for n, (a, b) in enumerate(offsets) if inside & set(range(a, b))}
        # Tokens that stand apart weigh more beside each other, so that fewer than k may stay: the best of them.
        assert 0.6 * k <= len(chosen) <= k
        assert chosen == set([n for n in order if TEXT[slice(*offsets[n])].strip()][: len(chosen)])


def needle_model(models):
    """GPT-2 without positions whose queries and keys are the tokens' own embeddings; "beacon" is the last ":"."""
    import transformers

    folder = models / "needle-model"
    if folder.is_dir():
        return folder
    torch.manual_seed(5)
    settings = {**SMALL, "n_embd": 64, "n_head": 1, "n_layer": 1, "n_positions": 2048}
    for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "max_position_embeddings"):
        del settings[name]
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings))
    tokenizer = tokenizer_named(str(models / "reader"))
    ids = {word: tokenizer._rust.encode(word, add_special_tokens=False).ids for word in (" beacon", ":", " who")}
    with torch.no_grad():
        model.transformer.wpe.weight.zero_()
        model.transformer.wte.weight.normal_()
        for token in ids[" beacon"]:
            model.transformer.wte.weight[token] = model.transformer.wte.weight[ids[":"][0]]
        model.transformer.h[0].attn.c_attn.weight.copy_(torch.cat([torch.eye(64)] * 3, dim=1))
        model.transformer.h[0].attn.c_attn.bias.zero_()
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).write_bytes((models / "reader" / file).read_bytes())
    return folder


@pytest.mark.parametrize("place", [0, 7, 19])
@pytest.mark.parametrize("settings", [{"query": "last", "pool": 1}, {"query": "last", "units": "words", "pool": 1}])
def test_tokens_whose_key_is_the_query_stay(place, settings, models):
    sentences = [f"Boats number {i} leave at dawn." for i in range(20)]
    sentences[place] = "There a beacon burned."
    text = " ".join(sentences)
    method = AttentionSelection(model=str(needle_model(models)), ask=" {question}:", layer=0, **settings)
    found = told([text], shortened(method, [text], 6, question="who"))
    assert "beacon" in found[0]


def test_what_stays_fills_the_budget_and_stands_in_order(models):
    texts = [TEXT * 2, "", TEXT.replace("Orrin", "Kell") * 2]
    for tokenizer in (WORDS, tokenizer_named("minilm"), tokenizer_named(str(models / "reader"))):
        total = sum(tokenizer.count(text) for text in texts)
        for units in ("tokens", "words", "sentences"):
            for ratio in (2, 4):
                method = AttentionSelection(model=str(models / "reader"), units=units)
                budget = round(total / ratio)
                found = shortened(method, texts, budget, tokenizer)
                size = sum(tokenizer.count(piece) for piece in told(texts, found))
                # A sentence here has up to 21 tokens, and about half of one stays free.
                assert (0.95 * budget if units != "sentences" else budget - 12) <= size <= budget
                for kept in found.kept:
                    assert all(a[1] <= b[0] for a, b in pairwise(kept.stretches))


@pytest.mark.parametrize("units", ["tokens", "words", "sentences"])
def test_a_budget_for_all_keeps_all(units, models):
    method = AttentionSelection(model=str(models / "reader"), units=units)
    found = shortened(method, [TEXT], WORDS.count(TEXT) + 5)
    assert told([TEXT], found) == [TEXT.strip()]


def test_sentences_stay_whole_and_words_are_not_cut(models):
    method = AttentionSelection(model=str(models / "reader"), units="words")
    (found,) = told([TEXT], shortened(method, [TEXT], 20))
    assert set(found.split()) <= set(TEXT.split())
    method = AttentionSelection(model=str(models / "reader"), units="sentences")
    (found,) = told([TEXT], shortened(method, [TEXT], 12))
    assert found in {TEXT[a:b] for a, b in split_sentences(TEXT)}


def test_a_context_beyond_the_positions_is_read_in_windows(models, causal):
    """Each window has the question behind it, as if it were a context of its own; no pass is longer than the model."""
    folder = causal("gpt2", 64)
    one = scorer(str(folder), device="cpu")
    lengths = []
    hook = one._loaded.body.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        method = AttentionSelection(model=str(folder), units="words", device="cpu")
        for question in (QUESTION, QUESTION * 20, ""):
            found = shortened(method, [TEXT * 5], 40, question=question)
            assert max(lengths) <= 64
            assert found.read == sum(lengths)
            assert WORDS.count(told([TEXT * 5], found)[0]) <= 40
            lengths.clear()
    finally:
        hook.remove()
    asked = method.asked(one, QUESTION)
    ids = one.encode(TEXT)[0]
    rows = method._rows(one, [ids], asked)
    begin = len(one.begin)
    assert [token for row in rows for token in row.ids[begin : row.end]] == ids
    assert {row.end - row.start for row in rows} <= {len(ids) // len(rows), -(-len(ids) // len(rows))}
    assert all(row.ids[row.end :] == asked.ids for row in rows)
    assert len(AttentionSelection(model=str(folder), window=9)._rows(one, [ids], asked)) == -(-len(ids) // 9)


def test_texts_of_a_task_are_read_one_behind_the_other(models):
    """The scores of two texts are those of one text with a blank line between; no average reaches over it."""
    folder = str(models / "reader")
    one = scorer(folder)
    method = AttentionSelection(model=folder, units="words", pool=1)
    first, second = TEXT.strip(), TEXT.replace("Orrin", "Kell").strip()
    encoded = [Encoded(*one.encode(text)) for text in (first, second)]
    (row,) = method._rows(one, [e.ids for e in encoded], method.asked(one, QUESTION))
    between = one.encode("\n\n")[0]
    assert row.ids[row.start : row.end] == [*encoded[0].ids, *between, *encoded[1].ids]
    task = Task((first, second), QUESTION, 5, WORDS)
    found = np.zeros(row.end - row.start)
    found[len(encoded[0].ids) + len(between)] = 1.0  # the second text's first token
    units, scores = AttentionSelection(model=folder, units="words", pool=9)._scored(one, encoded, task, found)
    assert not scores[0].any()
    assert scores[1][0] == 1.0
    assert units[1][0] == (0, 3)


def test_many_questions_about_one_text_are_answered_as_each_alone(models):
    method = AttentionSelection(model=str(models / "reader"))
    questions = [QUESTION, "Where does the road lead?", "When was the harbour built?"]
    tasks = [Task((TEXT * 4,), question, 30, WORDS) for question in questions]
    together = list(method.shorten(tasks))
    assert together == [next(iter(method.shorten([task]))) for task in tasks]
    assert len({found.kept for found in together}) > 1


def haystack(place, sentences=100):
    """About 1,600 words of other things, and in one place the sentence that answers."""
    towns = ("Kesslin", "Dorva", "Ammel", "Thirsk", "Vane", "Ostry", "Pell")
    goods = ("wool", "tar", "barley", "slate", "lamp oil", "herring")
    lines = [
        f"In {towns[i % 7]} the price of {goods[i % 6]} rose to {17 + i * 37 % 90} marks in the week {1 + i % 52}."
        for i in range(sentences)
    ]
    lines[place] = "The secret word of the harbour master Joren Halle is 'marigold'."
    return " ".join(lines), "What is the secret word of the harbour master Joren Halle?", lines[place]


@pytest.mark.parametrize("place", [3, 97])
def test_a_needle_stays_at_16_times_with_the_reader_that_ships(place, models):
    text, question, needle = haystack(place)
    method = AttentionSelection(model=str(models / "reader"))
    (found,) = told([text], shortened(method, [text], WORDS.count(text) // 16, question=question))
    assert needle in found


# -- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"query": "first"}, "query"),
        ({"units": "lines"}, "units"),
        ({"merge": "sum"}, "merge"),
        ({"pool": 0}, "pool"),
        ({"window": -1}, "window"),
        ({"ask": "Why?"}, "question"),
    ],
)
def test_settings_that_cannot_work_are_told(settings, complaint):
    with pytest.raises(UserError, match=complaint):
        AttentionSelection(model="m", **settings)


def test_a_layer_that_is_not_there_is_told(causal):
    for layer in (2, -3):
        with pytest.raises(UserError, match="of 2"):
            shortened(AttentionSelection(model=str(causal()), layer=layer), [TEXT], 5)


def test_a_model_without_attention_is_told(causal):
    with pytest.raises(UserError, match="no queries and keys"):
        shortened(AttentionSelection(model=str(causal("mamba"))), [TEXT], 5)
