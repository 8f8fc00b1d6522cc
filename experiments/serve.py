"""`serve`: a policy file, a corpus and an upstream become a running gateway.

It reads the files, has the catalogue build the routes, and hands everything to `pipeline.gateway`. It does not know how
an answer is made, nor how features are computed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from experiments.catalog import ROUTES, build_routes
from experiments.catalog_data import Loaded
from experiments.config import Study, build, load_study, pick
from experiments.data.folder import read_documents
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset, Document
from pipeline.core.stage import QuestionId, union
from pipeline.gateway.contract import Extractor, Limits, Served
from pipeline.gateway.reader import LiveReader
from pipeline.gateway.server import serve as run_gateway
from pipeline.generators.base import Sampling
from pipeline.policy.file import digest_of, load_policy
from pipeline.policy.policy import Policy
from pipeline.routes.base import Route
from pipeline.routes.controls import Oracle
from pipeline.routes.rag import Stated

_LAST_PORT = 65_535


def serve(
    policy: Path | Policy,
    upstream: str,
    *,
    extractor: Extractor,
    corpus: Path | None = None,
    routes: str = "",
    host: str = "127.0.0.1",
    port: int = 8800,
    api_key_env: str = "",
    upstream_key_env: str = "",
    reader: str = "",
    opinions: Sequence[str] = (),
    model: str = "",
    context: int | None = None,
    count_with: str = "words",
    log: Path | None = None,
    log_text: bool = False,
    shadow: bool = False,
    shadow_route: str = "",
    limits: Limits | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve until SIGTERM. Raises UserError for what the user can mend.

    routes: a study (name or .yaml) whose routes of the policy's names are served; "": those in the policy's file.
    api_key_env, upstream_key_env: environment variables with the key that clients must send, and that the upstream
    wants; "": none. reader: the policy's name for the upstream model. opinions: models
    of the upstream that settings with opinions ask too. context: its window, where known; longer
    documents are then cut as in a study. count_with: its tokenizer. shadow: always take `shadow_route`. say: prints.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if not 0 <= port <= _LAST_PORT:  # the system would take it modulo 65536
        raise UserError(f"{port} is no port", where="--port", remedy="Give one from 1 to 65535, or 0 for any free one")
    known = policy if isinstance(policy, Policy) else load_policy(policy)
    documents = read_corpus(corpus, say) if corpus else ()
    served = Served(
        policy=known,
        digest=digest_of(known),
        routes=policy_routes(known, routes, known.name if isinstance(policy, Policy) else str(policy)),
        reader=_reader(upstream, context, count_with),
        extractor=extractor,
        reader_name=_reader_name(known, reader),
        opinions=_opinions(known, opinions),
        corpus=documents,
        shadow=_shadow(known, shadow, shadow_route),
    )
    key, upstream_key = _secret(api_key_env, "--api-key-env"), _secret(upstream_key_env, "--upstream-key-env")

    def ready(address: str, name: str) -> None:
        asked = f"{len(documents)} documents" if documents else "documents that come with each request"
        say(f"{address}/v1 serves {known.name} over {asked}; {name} at {upstream} answers")

    running = run_gateway(
        served,
        limits or Limits(),
        upstream=upstream,
        upstream_key=upstream_key,
        model=model,
        host=host,
        port=port,
        key=key,
        log=log,
        texts=log_text,
        ready=ready,
    )
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(running)


def event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's where it is installed, else the standard one."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop

    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


def policy_routes(policy: Policy, study: str, where: str) -> dict[str, Route]:
    """The policy's routes, ready to run, cheapest first. Raises UserError for one that cannot be run live."""
    sampling = Sampling()
    given: Mapping[str, Route] = {}
    if study:
        try:
            chosen = load_study(study)
        except UserError as e:  # of a name it says where `run` takes it
            raise UserError(e.what, where="--routes" if e.where == "NAME" else e.where, remedy=e.remedy) from None
        if not isinstance(chosen, Study):
            raise UserError("a study of retrieval has no routes", where=study, remedy="Name a study with readers")
        given = build_routes(chosen, Loaded(Dataset("", {}, ())))
    routes: dict[str, Route] = {}
    for route in policy.routes:
        place = f"{study or where}: routes.{route.name}"
        if study and route.name not in given:
            raise UserError("the study has no such route", where=place, remedy=nearest(route.name, given))
        if not study and not route.settings:
            raise UserError(
                "the policy does not say how this route is made",
                where=place,
                remedy="Name a study that has routes of these names (--routes, a .yaml file)",
            )
        routes[route.name] = given[route.name] if study else _route(route.settings or {}, sampling, place)
        _must_be_live(routes[route.name], place)
    return routes


def _route(component: Mapping[str, Any], sampling: Sampling, where: str) -> Route:
    # A copy all the way down: building takes settings out of it.
    make, settings = pick(ROUTES, json.loads(json.dumps(dict(component))), where, "route")
    return make(settings, sampling, where)


def _must_be_live(route: Route, where: str) -> None:
    """Refuse routes that stand for recorded answers, look at gold evidence, or rank by a question's id."""
    why = ""
    if isinstance(route, Stated):
        why = "it stands for answers that somebody else recorded"
    elif isinstance(route, Oracle):
        why = "it reads the gold evidence, which a question to a service does not have"
    elif any(isinstance(node.stage, QuestionId) for node in union(route.nodes().values())):
        why = "its ranking is a recorded one, by the ids of a study's questions"
    if why:
        raise UserError(
            f"this route cannot be served: {why}",
            where=where,
            remedy="Name a study whose route of this name runs live (--routes, a .yaml file)",
        )


def read_corpus(folder: Path, say: Callable[[str], None]) -> tuple[Document, ...]:
    """The documents of a folder, in the order of their names. Raises UserError where there are none."""
    documents, notes = read_documents(folder, Path(os.devnull))
    for note in notes:
        say(f"note: {note}")
    return tuple(documents.values())


def _reader(upstream: str, context: int | None, count_with: str) -> LiveReader:
    if not _is_address(upstream):
        raise UserError(
            f"{upstream!r} is no address of a server",
            where="--upstream",
            remedy="Give one such as http://localhost:8000/v1",
        )
    if context is not None and context < 1:
        raise UserError(f"{context} tokens hold no prompt", where="--context", remedy="Give the model's window")
    settings = {"model": "upstream", "base_url": upstream, "context": context, "count_with": count_with}
    reader = build(LiveReader, settings, "upstream")
    reader.tokenizer.count("a word")  # one that is not there is told now
    return reader


def _is_address(upstream: str) -> bool:
    try:
        parts = urlsplit(upstream)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        return False


def _reader_name(policy: Policy, name: str) -> str:
    known = sorted({reader for step in policy.steps for reader in step.readers} - {""})
    if name and name not in known:
        # A slip would go unseen otherwise: the policy then decides as for any model.
        raise UserError(
            f"policy {policy.name!r} was not trained on a reader {name!r}",
            where="--reader",
            remedy=f"Leave it out for a new one. {nearest(name, known) if known else ''}",
        )
    return name


def _opinions(policy: Policy, models: Sequence[str]) -> tuple[str, ...]:
    if models and not any(s.opinions for s in policy.settings):
        raise UserError(
            f"no setting of policy {policy.name!r} asks for opinions",
            where="--opinions",
            remedy="Leave it out, or learn the policy with opinions (opinions=2)",
        )
    return tuple(models)


def _shadow(policy: Policy, shadow: bool, route: str) -> str:
    names = [r.name for r in policy.routes]
    if not shadow:
        if route:
            raise UserError("a shadow route without a shadow run", where="--shadow-route", remedy="Add --shadow")
        return ""
    if route not in names:
        raise UserError(f"{route!r} is no route of the policy", where="--shadow-route", remedy=nearest(route, names))
    return route


def _secret(variable: str, where: str) -> str:
    """The key in an environment variable; "" where no variable is named."""
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key or not (key.isascii() and key.isprintable()):
        found = "holds characters that no key has" if key else "is not set"
        raise UserError(f"the environment variable {variable!r} {found}", where=where, remedy="Put the key into it")
    return key
