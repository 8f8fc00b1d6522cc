"""Requests that are wrong somewhere: each is answered or refused with a JSON error, and nothing is a defect."""

from __future__ import annotations

import asyncio
import logging
import random

import openai
import pytest

from benchmarks.gateway import bombard, mutated
from pipeline.gateway.contract import Limits


@pytest.mark.parametrize("seed", [11, 12])
def test_mutated_requests_are_answered_or_refused(gateway, upstream, caplog, seed):
    caplog.set_level(logging.WARNING)
    running = gateway(limits=Limits(body=1 << 20, reading=1.0, timeout=20.0))
    fates = asyncio.run(bombard(running.v1, 500, seed))
    assert fates.total() == 500 and not [fate for fate in fates if fate.startswith("bad")]
    assert fates["answered"] > 20 and fates["refused 400"] > 100, "both happen, or this proves nothing"
    assert not [r for r in caplog.records if r.exc_info]
    client = openai.OpenAI(base_url=running.v1, api_key="x", max_retries=0)
    assert client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "How high?"}]).choices


def test_mutations_differ_and_repeat():
    def draw():
        rng = random.Random(1)
        return [mutated(rng).raw for _ in range(50)]

    assert draw() == draw() and len(set(draw())) > 45
