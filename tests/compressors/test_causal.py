"""Scores of a causal model: against one token at a time, in windows, in pieces, and beside others."""

import numpy as np
import pytest

from compressors._causal import Read, Streams, scorer, windows
from pipeline.core.errors import UserError

torch = pytest.importorskip("torch")

TEXT = "The harbour of Orrin Bay was built in 1871. Its lighthouse is kept by Mara Velt, who lives alone.\n\n" * 4


def slow(folder, ids):
    """-ln p of each token but the first, each by a forward pass of its own over what stands before it."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    out = []
    with torch.no_grad():
        for i in range(1, len(ids)):
            logits = model(torch.tensor([ids[:i]])).logits[0, -1]
            out.append(float(-torch.log_softmax(logits, dim=0)[ids[i]]))
    return np.array(out)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mamba"])
def test_scores_are_those_of_one_token_at_a_time(kind, causal):
    folder = causal(kind)
    one = scorer(str(folder), device="cpu")
    ids, _ = one.encode(TEXT[:160])
    expected = slow(folder, [*one.begin, *ids])
    (found,) = one.nll([(one.begin, ids)])
    assert np.allclose(found, expected[len(one.begin) - 1 :], atol=2e-4)
    (bare,) = one.nll([((), ids)])
    assert np.isnan(bare[0])
    assert np.allclose(bare[1:], slow(folder, ids), atol=2e-4)
    (behind,) = one.nll([(ids[:20], ids[20:])])
    assert np.allclose(behind, bare[20:], atol=2e-4)


def test_a_batch_gives_each_text_what_it_has_alone(causal):
    one = scorer(str(causal()), device="cpu")
    ids, _ = one.encode(TEXT)
    pairs = [((), ids[:n]) for n in (1, 90, 3, 40, 41)] + [(ids[:7], []), (ids[:7], ids[7:60])]
    together = one.nll(pairs)
    for pair, found in zip(pairs, together, strict=True):
        assert len(found) == len(pair[1])
        assert np.allclose(found, one.nll([pair])[0], atol=1e-4, equal_nan=True)


def test_offsets_are_the_characters_of_each_token(causal):
    one = scorer(str(causal()), device="cpu")
    text = "naïve 灯台 🔥 x"
    ids, spans = one.encode(text)
    assert len(ids) == len(spans)
    assert {i for start, end in spans for i in range(start, end)} == set(range(len(text)))
    assert one.encode("") == ([], [])


@pytest.mark.parametrize(("total", "positions"), [(1, 8), (8, 8), (9, 8), (50, 8), (51, 7), (0, 8)])
def test_windows_score_each_token_once_with_half_a_window_before_it(total, positions):
    scored = []
    for begin, start, end in windows(total, positions):
        assert end - begin <= positions
        assert start == 0 or start - begin == positions // 2
        scored += range(start, end)
    assert scored == list(range(total))


def test_a_text_beyond_the_positions_is_read_in_windows(causal):
    folder = causal("gpt2", 32)
    one = scorer(str(folder), device="cpu")
    ids = one.encode(TEXT)[0][:70]
    (found,) = one.nll([((), ids)])
    expected = np.concatenate([slow(folder, ids[b:e])[max(0, s - b - 1) :] for b, s, e in windows(70, 32)])
    assert np.allclose(found[1:], expected, atol=2e-4)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mamba"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_stream_scores_as_if_what_was_forgotten_had_never_been(kind, alone, causal):
    one = scorer(str(causal(kind)), device="cpu")
    one.alone = alone
    ids, _ = one.encode(TEXT)
    streams = Streams(one, [0, 0, 0])
    held = [[], [], []]
    for turn, (cuts, lengths) in enumerate(
        [((0, 0, 0), (30, 5, 17)), ((10, 5, 0), (20, 2, 9)), ((25, 6, 9), (12, 30, 1))]
    ):
        steps = []
        for n in range(3):
            new = ids[40 * turn + n : 40 * turn + n + lengths[n]]
            steps.append(Read(n, cuts[n], new))
            held[n] = [*held[n][: cuts[n]], *new]
        for n, found in enumerate(streams.read(steps)):
            (whole,) = one.nll([((), held[n])])
            assert np.allclose(found, whole[len(held[n]) - lengths[n] + 1 :], atol=1e-4)


def test_a_stream_beyond_the_positions_keeps_its_anchor_and_the_latest(causal):
    one = scorer(str(causal("gpt2", 32)), device="cpu")
    ids, _ = one.encode(TEXT)
    streams = Streams(one, [4])
    streams.read([Read(0, 0, ids[:24])])
    (found,) = streams.read([Read(0, 24, ids[24:36])])
    (whole,) = one.nll([((), [*ids[:4], *ids[12:36]])])
    assert np.allclose(found, whole[-11:], atol=1e-4)
    (found,) = streams.read([Read(0, 30, ids[40:44])])
    (whole,) = one.nll([((), [*ids[:4], *ids[12:30], *ids[40:44]])])
    assert np.allclose(found, whole[-3:], atol=1e-4)


def test_a_model_that_scales_its_logits_is_read_through_its_own_head(tmp_path, causal):
    import transformers

    torch.manual_seed(3)
    config = transformers.CohereConfig(
        vocab_size=8192, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, logit_scale=0.25, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.5,
    )  # fmt: skip
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((causal() / name).read_bytes())
    one = scorer(str(tmp_path), device="cpu")
    ids = one.encode(TEXT)[0][:30]
    assert np.allclose(one.nll([((), ids)])[0][1:], slow(tmp_path, ids), atol=2e-4)


def test_a_model_that_is_not_there_is_told(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="no causal model"):
        scorer(str(tmp_path), device="cpu")
    with pytest.raises(UserError, match="revision"):
        scorer("nobody/nothing", device="cpu")
