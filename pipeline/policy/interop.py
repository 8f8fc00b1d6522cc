"""A policy for other routers: the configuration of vLLM Semantic Router and of LiteLLM's proxy, as far as they reach.

Both route by rules on the request's text and know neither learned models over features, nor a retrieval probe, nor a
second decision after an answer. Written is what they can do: every route as a model behind a longshort gateway, its
price, fallbacks, and the policy by document length alone (`pipeline.policy.bands`); the gateway's own model `auto`
applies the policy in full. What a format cannot say is returned as notes and stands as comments at the file's top.

Formats: github.com/vllm-project/semantic-router, config/config.yaml, version v0.3 (signals.context, decisions,
providers.models); docs.litellm.ai/docs/proxy/configs, and router_strategy/complexity_router in
github.com/BerriAI/litellm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.policy.bands import Band, agreement, bands
from pipeline.policy.file import digest_of
from pipeline.policy.policy import Policy

_NO_END = 1_000_000_000  # tokens; the format wants a number


@dataclass(frozen=True)
class Export:
    """A configuration file's text, and what it does not say."""

    text: str
    notes: tuple[str, ...]


def vllm_semantic_router(
    policy: Policy,
    *,
    gateway: str,
    setting: str = "balanced",
    reader: str = "",
    currency: str = "USD",
    api_key_env: str = "",
) -> Export:
    """The policy for vLLM Semantic Router. gateway: the longshort gateway's base URL, as `http://host:8800/v1`."""
    found = bands(policy, setting=setting, reader=reader)
    models, cards = [], []
    for name, price in [(f"route-{r.name}", r.per_1k_document_tokens) for r in policy.routes]:
        backend = {"name": "longshort", "base_url": gateway, "provider": "openai"}
        models.append(
            {
                "name": name,
                "provider_model_id": name,
                "api_format": "openai",
                "pricing": {"currency": currency, "prompt_per_1m": 1000.0 * price, "completion_per_1m": 0.0},
                "backend_refs": [backend | ({"api_key_env": api_key_env} if api_key_env else {})],
            }
        )
        cards.append({"name": name, "modality": "text", "capabilities": ["chat"]})
    signals, decisions = [], []
    for i, band in enumerate(found):
        # The format's upper limit counts as inside, ours does not.
        top = _NO_END if band.high is None else band.high - 1
        name = f"tokens_{band.low}_{'up' if band.high is None else top}"
        signals.append({"name": name, "min_tokens": str(band.low), "max_tokens": str(top)})
        decisions.append(
            {
                "name": f"{band.route}_{i}",
                "description": f"Documents of {_words(band)}: {band.route}.",
                "priority": 100,
                "rules": {"operator": "AND", "conditions": [{"type": "context", "name": name}]},
                "modelRefs": [{"model": f"route-{band.route}", "use_reasoning": False}],
            }
        )
    config = {
        "version": "v0.3",
        "listeners": [{"name": "http-8899", "address": "127.0.0.1", "port": 8899, "timeout": "300s"}],
        "providers": {"defaults": {"default_model": f"route-{policy.fallback}"}, "models": models},
        "routing": {
            "strategy": "priority",
            "modelCards": cards,
            "signals": {"context": signals},
            "decisions": decisions,
        },
    }
    notes = [*_notes(policy, found, setting, reader)]
    if any(r.per_question for r in policy.routes):
        notes.append(f"A price per question cannot be said: {_per_question(policy)}")
    notes.append("The router counts the tokens of the whole request: send the documents within the messages")
    return Export(_text(policy, config, notes), tuple(notes))


def litellm(
    policy: Policy,
    *,
    gateway: str,
    setting: str = "balanced",
    reader: str = "",
    api_key_env: str = "LONGSHORT_API_KEY",
) -> Export:
    """The policy for LiteLLM's proxy: a model for each route, `auto` by the policy, `auto-by-length` by its bands."""
    found = bands(policy, setting=setting, reader=reader)
    names = [r.name for r in policy.routes]

    def model(name: str, **info: Any) -> dict[str, Any]:
        key = f"os.environ/{api_key_env}"
        params = {"model": f"openai/{name}", "api_base": gateway, "api_key": key}
        return {"model_name": name, "litellm_params": params, **({"model_info": info} if info else {})}

    models = [
        model(f"route-{r.name}", input_cost_per_token=r.per_1k_document_tokens / 1000.0, output_cost_per_token=0.0)
        for r in policy.routes
    ]
    models.append(model("auto" if setting == "balanced" else f"auto-{setting}"))
    notes = [*_notes(policy, found, setting, reader)]
    ruled = _complexity(policy, found)
    if len(found) == 1:
        notes.append(f"By document length alone it is always {found[0].route}: there is no auto-by-length")
    elif ruled is None:
        notes.append(f"LiteLLM tells three lengths apart, the policy {len(found)}: there is no auto-by-length")
    else:
        models.append({"model_name": "auto-by-length", "litellm_params": ruled})
        notes.append(
            "auto-by-length: LiteLLM reckons four characters to a token, of the last user message, and sends a message "
            "with two of its reasoning markers to the tier REASONING, here the route of the longest documents"
        )
    if any(r.per_question for r in policy.routes):
        notes.append(f"A price per question cannot be said: {_per_question(policy)}")
    # Routes are ordered cheapest first: a failing route falls to the next dearer one, a too long prompt to a cheaper.
    dearer = [{f"route-{a}": [f"route-{b}" for b in names[i + 1 :]]} for i, a in enumerate(names[:-1])]
    cheaper = [{f"route-{a}": [f"route-{b}" for b in names[:i][::-1]]} for i, a in enumerate(names) if i]
    config = {
        "model_list": models,
        "router_settings": {"fallbacks": dearer, "context_window_fallbacks": cheaper},
    }
    return Export(_text(policy, config, notes), tuple(notes))


def _complexity(policy: Policy, found: list[Band]) -> dict[str, Any] | None:
    """LiteLLM's complexity router on length alone: its token score is -1, 0 or 1 by two thresholds. None: too many."""
    if not 2 <= len(found) <= 3:
        return None
    first, middle, last = (found[0], found[1], found[-1])
    short = first.high or 0
    # "complex" is above its threshold, ours is from it on.
    long = (middle.high or short) - 1 if len(found) == 3 else short
    tiers = {"SIMPLE": first, "MEDIUM": middle, "COMPLEX": last, "REASONING": last}
    silent = ("codePresence", "reasoningMarkers", "technicalTerms", "simpleIndicators", "multiStepPatterns")
    return {
        "model": "auto_router/complexity_router",
        "complexity_router_default_model": f"route-{policy.fallback}",
        "complexity_router_config": {
            "tiers": {tier: f"route-{band.route}" for tier, band in tiers.items()},
            "token_thresholds": {"simple": short, "complex": long},
            "dimension_weights": {"tokenCount": 1.0, **dict.fromkeys((*silent, "questionComplexity"), 0.0)},
            "tier_boundaries": {"simple_medium": 0.0, "medium_complex": 0.5, "complex_reasoning": 1.5},
        },
    }


def _notes(policy: Policy, found: list[Band], setting: str, reader: str) -> list[str]:
    """What neither format can say."""
    notes = []
    step = next((s for s in policy.steps if not s.after), None)
    others = [f for f in step.features if f != "document.tokens"] if step else []
    texts = [p.described for p in step.projections] if step else []
    if others or texts:
        alike, asked = agreement(policy, found, setting=setting)
        notes.append(
            f"The policy looks at {' and '.join([f'{len(others)} features', *texts])} besides document length; here "
            "they are held at their means. "
            f"On its golden examples this decides as the policy does in {alike} of {asked}"
        )
    if policy.setting(setting).cascade:
        after = ", ".join(s.after for s in policy.steps if s.after)
        notes.append(f"The second decision, after the answer of {after}, cannot be said")
    gone = [s.name for s in policy.settings if s.name != setting]
    if gone:
        notes.append(f"Only the setting {setting} is written, not {', '.join(gone)}")
    readers = sorted({r for s in policy.steps for r in s.readers if r != reader})
    if any(readers):
        notes.append(
            f"Decided for {reader or 'a reader never seen'}, not for {', '.join(r or 'others' for r in readers)}"
        )
    if any(r.settings for r in policy.routes):
        notes.append("How a route is built (its settings) stays with the gateway")
    return notes


def _per_question(policy: Policy) -> str:
    return ", ".join(f"{r.name} {r.per_question:g}" for r in policy.routes)


def _words(band: Band) -> str:
    return f"{band.low} tokens or more" if band.high is None else f"{band.low} to {band.high - 1} tokens"


def _text(policy: Policy, config: dict[str, Any], notes: list[str]) -> str:
    import yaml

    head = [f"Written from the longshort policy {policy.name!r}, digest {digest_of(policy)[:12]}.", "Not said here:"]
    lines = [f"# {line}" for line in (*head, *(f"- {' '.join(n.split())}" for n in notes or ["nothing is left out"]))]
    return "\n".join(lines) + "\n" + yaml.safe_dump(config, sort_keys=False, width=110, allow_unicode=False)
