"""LLMLingua and LongLLMLingua: against slow implementations that read everything again, and the laws of their parts."""

import numpy as np
import pytest

from compressors._lingua import beyond, ordered
from compressors._lingua_prune import best, package_plan, paper_plan
from compressors.base import Task, merged, shown
from compressors.lingua import LLMLingua
from compressors.longllmlingua import RESTRICTIVE, LongLLMLingua, recovered
from pipeline.core.errors import UserError
from pipeline.core.spec import identity
from pipeline.core.tokens import tokenizer_named

torch = pytest.importorskip("torch")

WORDS = tokenizer_named("words")
QUESTION = "Who keeps the lighthouse of Orrin Bay?"
TEXTS = (
    "A road leads north to Kesslin. It is closed in winter, when snow lies on the pass and no cart can go. " * 6,
    "The lighthouse of Orrin Bay is kept by Mara Velt, who lives alone, and has done so since the war ended. " * 5,
    "Boats leave at dawn, and return with the tide. Nobody fishes on Sundays; the chapel bell rings at nine. " * 7,
    "In 1871 a storm broke the old pier, and for 20 years nothing came of the plans that were made for it. " * 4,
)


class Slow:
    """A model read from the start each time."""

    def __init__(self, folder):
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def __call__(self, ids):
        """Of each token but the first, -ln p."""
        if len(ids) < 2:
            return []
        with torch.no_grad():
            logits = self.model(torch.tensor([ids]), use_cache=False).logits[0]
        picked = torch.log_softmax(logits[:-1], dim=1)[range(len(ids) - 1), ids[1:]]
        return [round(float(-x), 4) for x in picked]


def slow_paper(read, ids, start, plan, contrast):
    kept, at = list(range(start)), start
    for parts in plan:
        segment = list(range(at, min(at + sum(length for length, _ in parts), len(ids))))
        at += len(segment)
        scores = dict(zip((kept + segment)[1:], read([ids[i] for i in kept + segment]), strict=True))
        if contrast:
            bare = (kept + segment)[start:]
            without = dict(zip(bare[1:], read([ids[i] for i in bare]), strict=True))
            scores = {i: without[i] - scores[i] for i in without}
        high = max([scores[i] for i in segment if i in scores], default=0)
        for length, ratio in parts:
            part, segment = segment[:length], segment[length:]
            ranked = sorted(part, key=lambda i: (-round(scores.get(i, high), 4), i))
            kept += sorted(ranked[: round(len(part) * ratio)])
    return kept


def slow_package(read, ids, start, plan, contrast, size):
    """Rows of [place, score of the token behind it, the same without the prefix]."""
    ahead, bare = read(ids), read(ids[start:])
    rows = [[i, ahead[i] if i < len(ahead) else None, None] for i in range(len(ids))]
    for i, score in enumerate(bare):
        rows[start + i][2] = score
    done, valid = start, 0
    for turn, parts in enumerate(plan):
        end = done + size
        if end > len(rows):
            break
        if turn:
            now = [ids[row[0]] for row in rows[:end]]
            for column, begin in ((1, 0), (2, start)):
                for i, score in enumerate(read(now[begin:])):
                    if begin + i >= valid:
                        rows[begin + i][column] = score
            valid = done
        for length, ratio in parts:
            score = [round(row[2] - row[1] if contrast else row[1], 4) for row in rows[start:-1]]
            cut = sorted(score, reverse=True)[max(0, int(len(score) * ratio) - 1)]
            upto = min(done + length, len(rows))
            gone = {i for i in range(done, upto) if i < len(rows) - 1 and ratio != 1 and not score[i - start] > cut}
            rows = [row for i, row in enumerate(rows) if i not in gone]
            done = upto - len(gone)
    return [row[0] for row in rows]


@pytest.mark.parametrize("ratio", [2, 5])
@pytest.mark.parametrize("variant", ["paper", "package"])
@pytest.mark.parametrize("method", [LLMLingua, LongLLMLingua])
def test_pruning_is_that_of_a_slow_implementation(method, variant, ratio, causal):
    folder = str(causal())
    made = method(model=folder, variant=variant, device="cpu", segment=60)
    target = sum(WORDS.count(t) for t in TEXTS) / ratio
    (plan,) = made.plans(made.scorer, [(TEXTS, QUESTION, target)])
    ((margin, count),) = made.prune(made.scorer, [plan])
    read, contrast = Slow(folder), method is LongLLMLingua
    if variant == "package":
        parts = package_plan(plan.sizes, plan.offsets, target, 60)
        kept = slow_package(read, plan.ids, plan.start, parts, contrast, 60)
    else:
        parts = paper_plan(plan.owners.tolist(), plan.offsets, target, 60)
        kept = slow_paper(read, plan.ids, plan.start, parts, contrast)
    assert 0 < len(kept) < 0.95 * len(plan.ids)
    differ = set(np.flatnonzero(margin > 0).tolist()) ^ set(kept)
    assert len(differ) <= 0.01 * len(plan.ids), sorted(differ)
    assert count > len(plan.ids)


def test_texts_are_ranked_by_perplexity_or_by_what_they_say_of_the_question(causal):
    folder = str(causal())
    read = Slow(folder)
    task = [(TEXTS, QUESTION)]
    one, two = LLMLingua(model=folder, device="cpu"), LongLLMLingua(model=folder, device="cpu")
    scorer = one.scorer
    begin = list(scorer.begin)
    alone = [np.mean(read([*begin, *scorer.encode(t)[0]])) for t in TEXTS]
    assert one.rank(scorer, task)[0].order == sorted(range(4), key=lambda i: -alone[i])
    asked = []
    for text in TEXTS:
        whole = [*begin, *scorer.encode(text + QUESTION + RESTRICTIVE)[0]]
        asked.append(np.mean(read(whole)[len(begin) + len(scorer.encode(text)[0]) - 1 :]))
    assert two.rank(scorer, task)[0].order == sorted(range(4), key=lambda i: asked[i])


def test_a_trained_model_ranks_the_text_that_asks_the_same_first(models):
    method = LongLLMLingua(model=str(models / "reader"), device="cpu", context_budget="+20")
    texts = tuple(text[: len(text) // 4] for text in TEXTS)
    for i in range(len(texts)):
        asking = (*texts[:i], texts[i] + " She was asked: " + QUESTION + RESTRICTIVE, *texts[i + 1 :])
        (found,) = method.shorten([Task(asking, QUESTION, 20, WORDS)])
        assert found.kept[0].index == i


@pytest.mark.parametrize("method", [LLMLingua, LongLLMLingua])
@pytest.mark.parametrize("variant", ["paper", "package"])
def test_the_budget_is_reached(method, variant, causal):
    made = method(model=str(causal()), variant=variant, device="cpu")
    tasks = [Task(TEXTS, QUESTION, budget, WORDS) for budget in (60, 120, 240)]
    for task, found in zip(tasks, made.shorten(tasks), strict=True):
        texts = [shown(task.texts[k.index], k.stretches) for k in found.kept]
        assert 0.95 * task.budget <= sum(map(WORDS.count, texts)) <= task.budget


def test_a_model_with_few_positions_reads_texts_and_questions_of_any_length(causal):
    folder = str(causal("gpt2", 64))
    for method in (LLMLingua(model=folder, device="cpu"), LongLLMLingua(model=folder, device="cpu")):
        (found,) = method.shorten([Task(TEXTS, QUESTION * 20, 100, WORDS)])
        assert sum(WORDS.count(shown(TEXTS[k.index], k.stretches)) for k in found.kept) <= 100
        assert found.kept


def test_shares_go_down_by_rank_in_equal_steps_around_the_mean(causal):
    made = LongLLMLingua(model=str(causal()), device="cpu", context_budget="*9")
    (plan,) = made.plans(made.scorer, [(TEXTS, QUESTION, 200)])
    assert plan.used == tuple(made.rank(made.scorer, [(TEXTS, QUESTION)])[0].order)
    assert plan.offsets == pytest.approx([0.3, 0.1, -0.1, -0.3])
    (one,) = made.plans(made.scorer, [(TEXTS[:1], QUESTION, 20)])
    assert one.offsets == [0.0]


def test_every_token_has_its_place_in_its_text(causal):
    made = LongLLMLingua(model=str(causal()), device="cpu", context_budget="*9")
    texts = ("naïve 灯台 \n", "\n\n🔥 end", *TEXTS[:2])
    (plan,) = made.plans(made.scorer, [(texts, QUESTION, 200)])
    for place, i in enumerate(plan.used):
        spans = [tuple(s) for s in plan.spans[plan.owners == place].tolist()]
        assert shown(texts[i], merged(spans)).strip() == texts[i].strip()
    assert len(plan.ids) == plan.start + len(plan.owners)


@pytest.mark.parametrize(
    ("lengths", "parts"),
    [
        ([500], [[199], [200], [103]]),
        ([100], [[102]]),
        ([100, 300], [[102, 97], [200], [5]]),
        ([397, 50], [[199], [200, 0], [52]]),
        ([597, 50], [[199], [200], [200], [52]]),
    ],
)
def test_the_packages_parts(lengths, parts):
    plan = package_plan(lengths, [0.0] * len(lengths), 50, 200)
    assert [[length for length, _ in segment] for segment in plan] == parts
    assert {share for segment in plan for _, share in segment} == {50 / (sum(lengths) + 2 * len(lengths) + 1)}


def test_parts_of_our_own_cover_every_token_once():
    owners = [0] * 250 + [1] * 30 + [2] * 170
    plan = paper_plan(owners, [0.3, 0.0, -0.3], 45, 200)
    assert [[length for length, _ in segment] for segment in plan] == [[200], [50, 30, 120], [50]]
    assert [share for segment in plan for _, share in segment] == pytest.approx([0.4, 0.4, 0.1, 0.0, 0.0])


def test_the_share_of_highest_scores():
    assert best(np.float32([3, 1, 2, 2]), 0.5).tolist() == [True, False, True, False]
    assert best(np.float32([]), 0.5).tolist() == []
    assert best(np.float32([1, 1, 1]), 1.0).all()
    assert not best(np.float32([1, 1, 1]), 0.0).any()


@pytest.mark.parametrize(("rule", "tokens"), [("+100", 300), ("-50", 150), ("*1.5", 300), (" / 4 ", 50)])
def test_a_budget_for_texts_is_a_rule(rule, tokens):
    assert beyond(rule, 200) == tokens


def test_orders():
    assert ordered([4, 1, 3, 0, 2], "original") == [0, 1, 2, 3, 4]
    assert ordered([4, 1, 3, 0, 2], "sort") == [4, 1, 3, 0, 2]
    assert ordered([4, 1, 3, 0, 2], "two_stage") == [4, 3, 2, 0, 1]


SOURCE = "Mara Velt, who lives alone, keeps the light. Mara sails; her brother, the younger Velt, does not."
KEPT = [(0, 9), (28, 43), (45, 50), (78, 90)]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("Mara Velt", "Mara Velt"),
        ("It is Mara Velt keeps", "It is Mara Velt, who lives alone, keeps"),
        ("nobody", "nobody"),
        ("", ""),
    ],
)
def test_answers_get_back_what_was_left_out_of_them(answer, told):
    kept = [(0, 9), (27, 43)]
    assert shown(SOURCE, kept) == "Mara Velt keeps the light"
    assert recovered(answer, SOURCE, kept) == told


def test_the_shortest_piece_is_put_back_and_none_that_leaves_out_too_much():
    source = "Mara, of the old house of Velt. Mara Jo Velt." + " x" * 300 + " end"
    kept = [(0, 4), (25, 30), (31, 36), (39, 44), (len(source) - 4, len(source))]
    assert shown(source, kept) == "Mara Velt Mara Velt end"
    assert recovered("Mara Velt", source, kept) == "Mara Jo Velt"
    assert recovered("Velt end", source, kept) == "Velt end"
    assert recovered("all", source, []) == "all"


@pytest.mark.parametrize(
    "settings",
    [
        {"context_budget": "__import__('os')"},
        {"context_budget": "100"},
        {"context_budget": "/0"},
        {"order": "best"},
        {"variant": "old"},
        {"segment": 1},
        {"dynamic": 2.0},
        {"precision": "int3"},
    ],
)
def test_settings_that_cannot_work_are_told(settings):
    with pytest.raises(UserError):
        LongLLMLingua(model="any", **settings)


def test_the_identity_holds_the_models_content_and_not_its_place(causal, tmp_path):
    one = LLMLingua(model=str(causal()), device="cpu")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in causal().iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert identity(one) == identity(LLMLingua(model=str(copy), device="cpu", batch_tokens=7))
    assert identity(one) != identity(LLMLingua(model=str(copy), device="cpu", segment=100))
    assert identity(one) != identity(LLMLingua(model=str(causal("gpt2")), device="cpu"))
