"""HTML fragments of the report: sections, figures, tables, the small interval in a cell. Text in, escaped markup out.

It knows nothing of studies; what a section says is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.svg import PALETTE, escape, line, marker

WIDE, NARROW = 900.0, 344.0  # CSS pixels; report.css shows one of the two


@dataclass(frozen=True)
class Cell:
    """A table's cell: its words, what it sorts by (None: last), a second line, markup before the words, a class."""

    words: str
    key: float | str | None = None
    below: str = ""
    before: str = ""
    style: str = ""


@dataclass(frozen=True)
class Head:
    """A table's column: its name, an explanation that shows on hovering, and whether it is numeric."""

    name: str
    tip: str = ""
    numeric: bool = True


def section(id: str, title: str, *parts: str) -> str:
    """A section under its question."""
    return f'<section id="{id}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def prose(words: str) -> str:
    """Text made safe, in which a number and its percent sign stay on one line."""
    return escape(re.sub(r"(\d) %", "\\1\u00a0%", words))


def paragraph(words: str, style: str = "") -> str:
    """A paragraph, or nothing for no words."""
    kind = f' class="{style}"' if style else ""
    return f"<p{kind}>{prose(words)}</p>" if words else ""


def figure(draw: Callable[[float], str], guide: str) -> str:
    """A chart at two widths, and how to read it (empty where that was said before)."""
    charts = f'<div class="wide">{draw(WIDE)}</div><div class="narrow">{draw(NARROW)}</div>'
    caption = f"<figcaption><b>How to read:</b> {prose(guide)}</figcaption>" if guide else ""
    return f"<figure>{charts}{caption}</figure>"


def table(heads: Sequence[Head], rows: Sequence[tuple[str, Sequence[Cell]]], caption: str) -> str:
    """A sortable table; each row comes with its class. The first column stays in view when the others scroll."""
    top = ""
    for h in heads:
        tip = f' title="{escape(h.tip)}"' if h.tip else ""
        words = "" if h.numeric else ' class="words"'
        top += f'<th scope="col"{words}{tip}><button type="button">{escape(h.name)}</button></th>'
    body = []
    for style, cells in rows:
        drawn = "".join(
            _cell(cell, head, first=i == 0) for i, (cell, head) in enumerate(zip(cells, heads, strict=True))
        )
        body.append(f'<tr class="{style}">{drawn}</tr>' if style else f"<tr>{drawn}</tr>")
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}"><table class="sortable">'
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def mini_interval(value: float | None, low: float | None, high: float | None, role: str) -> str:
    """A dot with its interval on a scale from 0 to 100 %, as high as a line of text; decoration beside the number."""
    if value is None:
        return ""
    body = [line(1, 8, 75, 8, colour="hair")]
    if low is not None and high is not None:
        body.append(line(4 + 68 * low, 8, 4 + 68 * high, 8, colour=role, width=2))
    body.append(marker("diamond" if role == "baseline" else "circle", 4 + 68 * value, 8, 3.2, colour=role))
    return f'<svg class="mini" viewBox="0 0 76 16" width="76" height="16" aria-hidden="true">{"".join(body)}</svg>'


def palette_css() -> str:
    """The palette as custom properties for light and dark pages, and a class per colour for `fill` and `stroke`."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in PALETTE.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in PALETTE.items())
    classes = "".join(f".f-{n}{{fill:var(--{n})}}.s-{n}{{stroke:var(--{n})}}" for n in PALETTE)
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{classes}"


def _cell(cell: Cell, head: Head, *, first: bool) -> str:
    name = "th scope=row" if first else "td"
    key = "" if cell.key is None else f' data-key="{escape(str(cell.key))}"'
    styles = " ".join(s for s in ("" if head.numeric else "words", cell.style) if s)
    kind = f' class="{styles}"' if styles else ""
    below = f"<small>{escape(cell.below)}</small>" if cell.below else ""
    return f"<{name}{kind}{key}>{cell.before}{escape(cell.words)}{below}</{name.split()[0]}>"
