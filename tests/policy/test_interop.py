"""Configurations for other routers: by length they decide as the policy does, and notes tell what they cannot say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from benchmarks.policy import drawn_policy
from pipeline.core.errors import UserError
from pipeline.policy.bands import Band, agreement, bands
from pipeline.policy.interop import Export, litellm, vllm_semantic_router
from pipeline.policy.models import Constant, Trees
from pipeline.policy.policy import Head, Policy, RoutePrice, Setting, Step

GATEWAY = "http://127.0.0.1:8800/v1"
PLAIN = ((0.0, 1.0), (0.0, 1.0))


def by_length(*cuts: float, high: float = 100_000.0) -> Policy:
    """rag and lc in turns, from rag on, changing above each cut; outside the training range rag."""
    trees = [Trees([[0]], [[cut]], [[True]], [[[0.0], [1.0 if i % 2 == 0 else -1.0]]]) for i, cut in enumerate(cuts)]
    head = Head([[-1.0], [1.0]], [1.0, 0.0], PLAIN, PLAIN)
    step = Step("", ("document.tokens",), [0.0], [high], [5000.0], (Constant([0.0]), *trees), {"": head})
    routes = (RoutePrice("rag", 0.0, 0.0), RoutePrice("lc", 0.0, 0.002))
    policy = Policy("lengths", routes, (step,), (Setting("balanced", {"": 0.0}),), "rag")
    asked = [{"document.tokens": float(t)} for t in (10, 3999, 4000, 4001, 50_000)]
    return replace(policy, golden=tuple(policy.example(f) for f in asked))


def semantic_router(config: dict[str, Any], tokens: int) -> str:
    """The model that the documented rules of the format choose: signals with both limits inside, the first decision."""
    matched = {
        s["name"]
        for s in config["routing"]["signals"]["context"]
        if int(s["min_tokens"]) <= tokens <= int(s["max_tokens"])
    }
    fitting = [
        d["modelRefs"][0]["model"]
        for d in config["routing"]["decisions"]
        if all(c["type"] == "context" and c["name"] in matched for c in d["rules"]["conditions"])
    ]
    assert len(fitting) == 1, "every length has one decision"
    return str(fitting[0])


def complexity_router(config: dict[str, Any], tokens: int) -> str:
    """The model by LiteLLM's documented scoring, on a prompt without any of its words."""
    rules = next(m for m in config["model_list"] if m["model_name"] == "auto-by-length")
    given = rules["litellm_params"]["complexity_router_config"]
    limits = given["token_thresholds"]
    token_score = -1.0 if tokens < limits["simple"] else 1.0 if tokens > limits["complex"] else 0.0
    score = token_score * given["dimension_weights"]["tokenCount"]
    assert sum(given["dimension_weights"].values()) == pytest.approx(1.0)
    names = ["SIMPLE", "MEDIUM", "COMPLEX", "REASONING"]
    edges = [given["tier_boundaries"][b] for b in ("simple_medium", "medium_complex", "complex_reasoning")]
    return str(given["tiers"][names[sum(score >= edge for edge in edges)]])


LENGTHS = [0, 1, 3999, 4000, 4001, 8999, 9000, 9001, 50_000, 109_999, 110_000, 110_001, 500_000]


@pytest.mark.parametrize(
    ("write", "choose", "cuts"),
    [
        (vllm_semantic_router, semantic_router, (4000.0,)),
        (vllm_semantic_router, semantic_router, (4000.0, 9000.0)),
        (vllm_semantic_router, semantic_router, ()),
        (litellm, complexity_router, (4000.0,)),
        (litellm, complexity_router, (4000.0, 9000.0)),
    ],
    ids=["vllm-1", "vllm-2", "vllm-0", "litellm-1", "litellm-2"],
)
def test_the_format_decides_by_length_as_the_policy_does(
    write: Callable[..., Export], choose: Callable[[dict[str, Any], int], str], cuts: tuple[float, ...]
):
    policy = by_length(*cuts)
    config = yaml.safe_load(write(policy, gateway=GATEWAY).text)
    for tokens in LENGTHS:
        decided = policy.decide({"document.tokens": float(tokens)}).route
        assert choose(config, tokens) == f"route-{decided}", tokens


def test_bands_are_exact_to_the_token():
    assert bands(by_length(4000.0, 9000.0), setting="balanced", reader="") == [
        Band(0, 4001, "rag"),
        Band(4001, 9001, "lc"),
        Band(9001, None, "rag"),
    ]
    # Beyond the training range and a tenth of it the fallback.
    assert bands(by_length(4000.0), setting="balanced", reader="")[-1] == Band(110_001, None, "rag")


def test_agreement_counts_the_examples_that_length_alone_decides_alike():
    policy = by_length(4000.0)
    assert agreement(policy, bands(policy, setting="balanced", reader=""), setting="balanced") == (5, 5)
    assert agreement(policy, [Band(0, None, "rag")], setting="balanced") == (3, 5)


def test_what_the_formats_cannot_say_is_told_and_stands_in_the_file():
    policy = drawn_policy(0)
    for write in (vllm_semantic_router, litellm):
        export = write(policy, gateway=GATEWAY, setting="cheap")
        told = " ".join(export.notes)
        assert (
            "5 features and the question's words (16 buckets) and the question's vector (3 dimensions) besides" in told
        )
        assert "The second decision, after the answer of rag, cannot be said" in told
        assert "Only the setting cheap is written, not balanced" in told
        assert "A price per question cannot be said: rag 0.001, lc 0" in told
        assert "not for small" in told
        comments = "\n".join(line for line in export.text.splitlines() if line.startswith("#"))
        assert all(f"# - {note}" in comments for note in export.notes)
        assert yaml.safe_load(export.text)


def test_a_policy_that_the_format_says_wholly_has_no_note_on_features():
    assert not any(
        "besides document length" in n for n in vllm_semantic_router(by_length(4000.0), gateway=GATEWAY).notes
    )


def test_more_lengths_than_litellm_tells_apart_are_not_written_wrong():
    export = litellm(by_length(1000.0, 2000.0, 30_000.0), gateway=GATEWAY)
    assert any("tells three lengths apart, the policy 5" in n for n in export.notes)
    names = [m["model_name"] for m in yaml.safe_load(export.text)["model_list"]]
    assert names == ["route-rag", "route-lc", "auto"]
    always = litellm(by_length(), gateway=GATEWAY)
    assert any("By document length alone it is always rag" in n for n in always.notes)


def test_models_prices_and_fallbacks():
    policy = by_length(4000.0)
    theirs = yaml.safe_load(litellm(policy, gateway=GATEWAY, api_key_env="KEY").text)
    lc = next(m for m in theirs["model_list"] if m["model_name"] == "route-lc")
    assert lc["litellm_params"] == {"model": "openai/route-lc", "api_base": GATEWAY, "api_key": "os.environ/KEY"}
    assert lc["model_info"]["input_cost_per_token"] == pytest.approx(2e-6)
    assert theirs["router_settings"]["fallbacks"] == [{"route-rag": ["route-lc"]}]
    assert theirs["router_settings"]["context_window_fallbacks"] == [{"route-lc": ["route-rag"]}]
    sr = yaml.safe_load(vllm_semantic_router(policy, gateway=GATEWAY, api_key_env="KEY").text)
    assert sr["version"] == "v0.3"
    assert sr["providers"]["defaults"]["default_model"] == "route-rag"
    provided = {m["name"]: m for m in sr["providers"]["models"]}
    assert provided["route-lc"]["pricing"]["prompt_per_1m"] == pytest.approx(2.0)
    assert provided["route-lc"]["backend_refs"][0]["api_key_env"] == "KEY"
    assert {c["name"] for c in sr["routing"]["modelCards"]} == set(provided)


def test_an_unknown_setting_is_a_users_mistake():
    with pytest.raises(UserError, match="no setting 'chea'"):
        litellm(drawn_policy(0), gateway=GATEWAY, setting="chea")
