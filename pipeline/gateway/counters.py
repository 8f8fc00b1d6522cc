"""What Prometheus reads: counters and histograms of the gateway.

Each gateway has a registry of its own. It holds no text of a question, and no label that a client could make up.
Text format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

from collections.abc import Callable

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class Counters:
    """The gateway's measures; every name starts with `longshort_`."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"longshort_{name}", text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(f"longshort_{name}", text, labels, registry=registry, buckets=_SECONDS)

        self.requests = counter("requests", "Requests answered or refused, by HTTP status.", "status")
        self.answers = counter("answers", "Answers by the route that made them.", "route", "setting")
        self.seconds = seconds("request_seconds", "From a request's arrival to the end of its answer.")
        self.own_seconds = seconds("own_seconds", "The part of it that was not spent waiting for the upstream.")
        self.upstream_seconds = seconds("upstream_seconds", "One call of the upstream.", "route")
        self.failures = counter("upstream_failures", "Calls that the upstream did not answer.", "kind")
        self.fallbacks = counter("fallbacks", "Answers by another route than the one chosen.")
        self.escalations = counter("escalations", "Second steps that chose another route.")
        self.outside = counter("outside", "Decisions with features outside of the training range.")
        self.tokens = counter("tokens", "Tokens of the upstream's calls.", "kind")
        self.feedback = counter("feedback", "Outcomes that users reported.", "outcome")
        self.lost = counter("log_lost", "Lines of the decision log that were not written.")
        self._gauge = Gauge

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when Prometheus asks."""
        self._gauge(f"longshort_{name}", text, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """All measures in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
