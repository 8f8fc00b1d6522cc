"""Plans: routes against sums over questions, break-evens against a scan, and what happens where nothing fits."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.cost.config import PRESETS as SHAPES
from pipeline.cost.device import PRESETS as DEVICES
from pipeline.cost.model import CostModel, Engine
from pipeline.cost.picture import picture_of
from pipeline.cost.plan import ROUTES, Load, make_plan
from pipeline.cost.shown import WIDTH, record_of, table_of, whole

LLAMA, H100 = SHAPES["llama-8b"], DEVICES["h100"]
MODEL = CostModel(LLAMA, H100, Engine(kv="fp8"))
LOAD = Load(docs=50, doc_tokens=8000, questions=10)
PLAN = make_plan(MODEL, LOAD)


def near(value: float):
    return pytest.approx(value, rel=1e-9)


def test_routes_are_priced_by_their_prompts():
    lc, rag, kv, short = (PLAN.route(n) for n in ("lc", "rag", "kv-lc", "compressed-lc"))
    assert tuple(r.route for r in PLAN.routes) == ROUTES
    assert (
        rag.cold == rag.warm == near((MODEL.first_token_seconds(1540, 0, 16) + MODEL.answer_seconds(1540, 64, 16)) / 16)
    )
    warm = (MODEL.first_token_seconds(40, 8000, 16) + MODEL.answer_seconds(8040, 64, 16)) / 16
    assert lc.warm == near(warm)
    assert lc.cold == near(MODEL.prefill_seconds(8000) + warm)
    assert lc.first_warm == near(MODEL.first_token_seconds(40, 8000))
    assert kv.warm == near((MODEL.first_token_seconds(40, 2000, 16) + MODEL.answer_seconds(2040, 64, 16)) / 16)
    assert kv.cold - kv.warm == near(MODEL.prefill_seconds(8000))
    assert short.warm == near(kv.warm)
    assert short.cold - short.warm == near(MODEL.prefill_seconds(2000) + 2 * 302e6 * 8000 / H100.matrix_flops)


def test_a_document_costs_the_sum_of_its_questions():
    lc = PLAN.route("lc")
    paid = MODEL.prefill_seconds(8000) + 10 * lc.warm
    assert lc.curve.mean(10) == near(paid / 10)
    half = make_plan(MODEL, replace(LOAD, hit_share=0.5)).route("lc")
    assert half.curve.mean(10) == near((lc.cold + 9 * (lc.cold + lc.warm) / 2) / 10)
    assert PLAN.money(3600) == 3.0
    assert make_plan(CostModel(LLAMA, H100.times(2)), LOAD).money(3600) == 6.0


@pytest.mark.parametrize("fallback", [0.0, 1.0])
def test_self_route_lies_between_rag_and_both(fallback):
    plan = make_plan(MODEL, replace(LOAD, fallback=fallback))
    rag, lc, mixed = (plan.route(n) for n in ("rag", "lc", "self-route"))
    for m in (1, 3, 40):
        assert mixed.curve.mean(m) == near(rag.curve.mean(m) + fallback * lc.curve.mean(m))
    assert mixed.cold == near(rag.cold + fallback * lc.cold)
    assert mixed.first_cold == near(rag.first_cold if not fallback else rag.alone + lc.first_cold)
    assert mixed.from_rag == (None if fallback else 1.0)


@settings(max_examples=40)
@given(
    st.integers(500, 60_000),
    st.integers(100, 4000),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.sampled_from(["bf16", "fp8", "int4"]),
)
def test_break_evens_are_where_a_scan_finds_them(doc_tokens, rag_tokens, fallback, hit_share, kv):
    load = replace(LOAD, doc_tokens=doc_tokens, rag_tokens=rag_tokens, fallback=fallback, hit_share=hit_share)
    plan = make_plan(CostModel(LLAMA, H100, Engine(kv=kv)), load)
    rag, lc, mixed = (plan.route(n).curve for n in ("rag", "lc", "self-route"))
    pairs = [(plan.route(n).curve, rag, plan.route(n).from_rag) for n in ROUTES if n != "rag"]
    for one, other, found in (*pairs, (lc, mixed, plan.lc_self_route)):
        scanned = next((m for m in range(1, 400) if one.mean(m) <= other.mean(m) * (1 - 1e-9)), None)
        if scanned is not None:
            assert found is not None and whole(found) <= scanned
        if found is not None and 1 < found < 300:
            after, before = whole(found) + 1, max(1, whole(found) - 1)
            assert one.mean(after) <= other.mean(after) * (1 + 1e-9)
            assert before == whole(found) or one.mean(before) >= other.mean(before) * (1 - 1e-9)


def test_batches_are_cut_to_what_fits():
    plan = make_plan(CostModel(LLAMA, H100), replace(LOAD, doc_tokens=100_000))
    lc = plan.route("lc")
    assert lc.fits == lc.batch == CostModel(LLAMA, H100).contexts(100_104) == 4
    assert plan.held == 4
    assert plan.route("rag").batch == 16
    kv = plan.route("kv-lc")  # one document is read whole, beside those that are compressed
    room = plan.model.room_bytes - plan.model.kv_bytes(100_104)
    assert kv.fits == 1 + int(room // plan.model.kv_bytes(25_104))


def test_a_document_that_does_not_fit_is_said_and_not_priced():
    plan = make_plan(CostModel(LLAMA, H100), replace(LOAD, doc_tokens=1_000_000))
    lc, mixed, short = (plan.route(n) for n in ("lc", "self-route", "compressed-lc"))
    assert (lc.fits, lc.cold, lc.curve, mixed.curve) == (0, None, None, None)
    assert short.fits == 1
    assert plan.lc_self_route is None
    told = " ".join(plan.notes)
    assert "lc, self-route, kv-lc; 4 devices would hold one" in told
    assert "131,072 positions" in told
    assert "one context does not fit" in table_of(plan)
    assert json.loads(json.dumps(record_of(plan)))["routes"][0]["money_mean"] is None
    ElementTree.fromstring(picture_of(plan))


def test_weights_that_do_not_fit_are_told_with_the_devices_that_would_do():
    with pytest.raises(UserError, match=r"141\.1 GB.*--devices 2") as found:
        make_plan(CostModel(SHAPES["llama-70b"], H100), LOAD)
    assert "\n" not in str(found.value)
    assert make_plan(CostModel(SHAPES["llama-70b"], H100.times(2)), LOAD).route("rag").cold > 0


@pytest.mark.parametrize(
    "setting",
    [
        *(
            {k: 0}
            for k in ("docs", "doc_tokens", "questions", "answer_tokens", "question_tokens", "rag_tokens", "batch")
        ),
        *({"fallback": v} for v in (-0.1, 1.1, float("nan"))),
        *({"kv_ratio": v} for v in (0.5, float("inf"))),
        {"hit_share": 2.0},
        {"text_ratio": 0.0},
        {"price": -1.0},
    ],
    ids=str,
)
def test_loads_that_cannot_be_are_refused(setting):
    with pytest.raises(UserError, match=next(iter(setting))):
        replace(LOAD, **setting)


LOADS = [
    LOAD,
    replace(LOAD, doc_tokens=32_000, questions=1),
    replace(LOAD, doc_tokens=120_000, docs=12_345, questions=2345),
    replace(LOAD, price=0.0),
    replace(LOAD, price=1e6),
    replace(LOAD, doc_tokens=1200, answer_tokens=1),
    replace(LOAD, doc_tokens=2_000_000),
]


@pytest.mark.parametrize("load", LOADS, ids=range(len(LOADS)))
@pytest.mark.parametrize("device", DEVICES)
def test_words_and_drawing_of_any_plan_are_whole(load, device):
    tiny = replace(LLAMA, layers=2, vocab=1000)
    plan = make_plan(CostModel(tiny, DEVICES[device]), load)
    shown = table_of(plan)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "UNMEASURED" in shown
    for route in ROUTES:
        assert f"\n{route} " in shown
    json.dumps(record_of(plan), allow_nan=False)
    drawn = picture_of(plan)
    assert drawn == picture_of(plan)
    assert "nan" not in drawn.replace("nance", "") and "inf" not in drawn
    ElementTree.fromstring(drawn)


def test_a_measured_device_is_not_called_unmeasured():
    plan = make_plan(CostModel(LLAMA, replace(H100, measured=True)), LOAD)
    assert "UNMEASURED" not in table_of(plan)
    assert "unmeasured" not in picture_of(plan)


def test_the_drawing_shows_each_route_and_marks_each_break_even():
    svg = "{http://www.w3.org/2000/svg}"
    root = ElementTree.fromstring(picture_of(PLAN))
    lines = root.findall(f"{svg}polyline")
    assert len(lines) == len(ROUTES)
    words = [t.text for t in root.findall(f"{svg}text")]
    met = [r for r in PLAN.routes if r.route != "rag" and r.from_rag is not None and r.from_rag > 1]
    assert met
    assert len(root.findall(f"{svg}circle")) == len(met)
    for route in met:
        assert f"{route.route}: {whole(route.from_rag)}" in words
    # The ring of LC lies where its line and RAG's cross.
    drawn = {
        r.route: [tuple(map(float, p.split(","))) for p in el.get("points").split()]
        for r, el in zip(PLAN.routes, lines, strict=True)
    }
    rings = {c.get("stroke"): (float(c.get("cx")), float(c.get("cy"))) for c in root.findall(f"{svg}circle")}
    colour = {r.route: el.get("stroke") for r, el in zip(PLAN.routes, lines, strict=True)}
    x, y = rings[colour["lc"]]
    left = max(p for p in drawn["lc"] if p[0] <= x)
    right = min(p for p in drawn["lc"] if p[0] >= x)
    assert y == drawn["rag"][0][1]
    assert left[1] - 0.02 <= y <= right[1] + 0.02
