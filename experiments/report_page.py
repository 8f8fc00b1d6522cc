"""A report's page: one HTML file that needs nothing else, with navigation and a content security policy.

The page holds no time stamp: the same parts give the same bytes. Its policy allows its own script by hash and nothing
else, so that an answer that carries markup could not run even if it were not escaped, which it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from experiments.report_html import palette_css, paragraph, section
from experiments.svg import escape


def page(
    title: str, headline: str, sections: Sequence[str], names: Mapping[str, str], *, script: str = "", data: str = ""
) -> str:
    """The page. names: what the navigation calls a section, by the section's id. data: markup before the script."""
    code = asset("page.js") + script
    allowed = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    parts = {
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; img-src data:",
        "title": escape(title),
        "style": palette_css() + asset("report.css"),
        "headline": headline,
        "nav": _nav(sections, names),
        "sections": "".join(sections),
        "data": data,
        "script": code,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda m: parts[m[1]], asset("report.html"))


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(text.encode("utf-8", "replace"))
    part.replace(path)


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """The strip of (number, what it counts) under the headline; what counts nothing is left out."""
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(n)}</dd></div>" for n, name in pairs if n != "0")
    return f'<dl class="facts">{shown}</dl>'


def folded(items: str, n: int) -> str:
    """A list, folded away where it is long."""
    whole = f"<ul>{items}</ul>"
    return whole if n <= 5 else f"<details><summary>All {n}</summary>{whole}</details>"


def settings(config: Mapping[str, Any]) -> str:
    """The last section: settings, fingerprint, how to run it again."""
    import yaml

    plain = json.loads(json.dumps(dict(config), default=str))
    shown = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    name = str(config.get("name") or "")
    command = str(config.get("command") or (f"make experiment NAME={name}" if name else ""))
    fingerprint = config.get("fingerprint")
    again = f"<p>To run it again:</p><pre>{escape(command)}</pre>" if command else ""
    if fingerprint:
        given = fingerprint if isinstance(fingerprint, str) else " · ".join(f"{k} {v}" for k, v in fingerprint.items())
        again += f'<p>Fingerprint of settings, code and data: <code class="break">{escape(given)}</code></p>'
        again += paragraph("The same fingerprint gives the same answers, scores and summary, byte for byte.")
    return section(
        "settings",
        "How was this run, and how is it run again?",
        again,
        f"<details><summary>All settings</summary><pre>{escape(shown)}</pre></details>",
    )


def asset(name: str) -> str:
    """A file of the report's own: style, script, template."""
    return (files("experiments") / "report_assets" / name).read_text(encoding="utf-8")


def _nav(sections: Sequence[str], names: Mapping[str, str]) -> str:
    found = re.findall(r'<section id="([\w-]+)"', "".join(sections))
    return "".join(f'<li><a href="#{name}">{escape(names[name])}</a></li>' for name in found)
