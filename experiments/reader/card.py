"""The model card: README.md of the reader's folder, written from what is known of the reader and nothing else.

Shape from config.json, sources from sources.yaml, training from the state's progress, figures from what
`make bench NAME=reader` wrote. What was not given is said to be unknown. It measures nothing and loads no weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.reader.calibrate import SHIFT
from experiments.reader.export import shape_of
from experiments.reader.prepare import TAGGER, WORDNET
from experiments.reader.shape import Shape
from experiments.reader.sources import SOURCES, Source, sources
from pipeline.core.errors import UserError

PURPOSE = """\
A small decoder that reads long documents and answers questions from them, trained from scratch for `longshort`. It is
the reader of the studies `quickstart` and `needle`, and of tests that need a model. It runs on a laptop, from this
folder alone; it is no chat model and knows nothing of the world but what the document says.
"""
FORM = """\
## How it is asked

    <s>DOCUMENT

    Question: QUESTION
    Answer:

It writes a space, a short answer and a line end. Where the document does not hold the answer it is meant to write
`unanswerable`. The tokenizer puts `<s>` in front. Several passages stand one after the other with a blank line between,
each under a line such as `[1] Title`. Decode greedily and stop at the line end; `generation_config.json` says so.

    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer, model = AutoTokenizer.from_pretrained(FOLDER), AutoModelForCausalLM.from_pretrained(FOLDER)
"""
LIMITS = """\
## What it cannot do

- Answers are short spans and lists of spans, in English. It does not explain, summarise, count, calculate or converse.
- Questions by people are much harder for it than generated tasks: read the figures on NQ and MuSiQue before using it.
- It may decline what the document answers, and answer what it does not; the table says how often.
- It was trained on documents of at most 16,384 tokens. The window that `config.json` declares is larger; beyond 16k
  nothing was measured.
- Names were exchanged and many facts invented in training, so that it reads rather than remembers. What it says without
  a document is worthless. Old novels and speeches are among the texts: their attitudes are their time's.
"""
SETS = {
    "niah_single": "needle, single",
    "niah_multikey": "needle, multi-key",
    "niah_multiquery": "needle, multi-query (all right)",
    "niah_multivalue": "needle, multi-value (all right)",
    "niah_ids": "needle among needles, ids",
    "kv": "key-value look-up",
    "vt": "variable tracking",
    "hop1": "relations, one hop",
    "hop2": "relations, two hops",
    "hop3": "relations, three hops",
    "article": "facts in invented articles",
    "unseen": "the same, wordings kept out of training",
    "cloze": "cloze on held-out text",
    "asked": "rule-made questions on held-out text",
}
LENGTHS = ("1k", "4k", "8k", "16k")
TWINS = {"twins": "near-twins", "twins_capital": "near-twins, provinces", "twins_unseen": "near-twins, unseen wordings"}
SENTENCES = ("10", "30", "100", "300")
PEOPLE = {
    "nq/own": "NQ, own paragraph",
    "nq/ten": "NQ, among ten paragraphs",
    "nq/other": "NQ, another paragraph (declining is right)",
    "musique/own": "MuSiQue's single hops, own paragraph",
    "musique/ten": "MuSiQue's single hops, among ten paragraphs",
    "musique/other": "MuSiQue's single hops, another paragraph (declining is right)",
    "foreign/1k": "rule-made, another document (declining is right)",
}


def card(
    shape: Shape,
    given: Sequence[Source],
    *,
    training: Sequence[Mapping[str, Any]] = (),
    device: str = "",
    shift: float = 0.0,
    counts: Mapping[str, Mapping[str, int]] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """The card's text.

    training: the `progress` of each stage's last state; shift: how far the threshold for declining was moved; counts:
    texts.json; figures: reader.json.
    """
    parts = ["# The embedded reader", PURPOSE, _shape(shape), FORM, _training(training, device, shift)]
    parts += [_data(given, counts), _figures(figures), LIMITS]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def write_card(
    model: Path,
    *,
    training: Sequence[Path] = (),
    device: str = "",
    counts: Path | None = None,
    figures: Path | None = None,
    source_file: Path = SOURCES,
) -> Path:
    """Write MODEL/README.md and return its path. training: states' folders; counts: texts.json; figures: reader.json.

    Raises UserError where a file that is named does not exist, or the figures are of another shape.
    """
    shape = shape_of(model)
    read = _read(figures)
    if read is not None and read.get("model", {}) != shape.as_dict():
        raise UserError("these figures are of another shape", where=str(figures), remedy="Measure this reader")
    text = card(
        shape,
        sources(source_file),
        training=[_read(state / "progress.json") for state in training],
        device=device,
        shift=_read(model / "config.json").get(SHIFT, 0.0),
        counts=_read(counts),
        figures=read,
    )
    file = model / "README.md"
    file.write_text(text, encoding="utf-8")
    return file


def _shape(shape: Shape) -> str:
    return f"""\
## What it is

`LlamaForCausalLM` with `PreTrainedTokenizerFast`: {shape.parameters:,} parameters, {shape.megabytes:.1f} MB in bf16.
{shape.layers} layers of width {shape.hidden}; {shape.heads} heads of {shape.head_size} with {shape.key_value_heads} \
key/value heads; feed-forward width {shape.feed_forward};
rotary base {shape.rope_base:,.0f}; {shape.vocabulary:,} byte-level tokens, digits one by one; the embedding is also \
the output layer.
"""


def _training(training: Sequence[Mapping[str, Any]], device: str, shift: float) -> str:
    if not training:
        return "## How it was trained\n\nUnknown: the training state was not given.\n"
    stages = "; then ".join(
        f"{one['plan']['tokens'] / 1e9:.2f} billion tokens in {one['step']:,} steps" for one in training
    )
    minutes = sum(one["seconds"] for one in training) / 60
    told = f"""\
## How it was trained

From scratch by `make train-reader`: {stages}.
{minutes:.0f} minutes of one {device or "GPU"}.
Muon for the matrices, AdamW for the rest; documents of up to 16k tokens in the last part of each stage. The mixture is
made while it trains: needles as RULER (Hsieh et al., 2024) defines them, key-value look-up, variables, relations over
one to three hops, near-twins, invented articles, cloze, rule-made and blurred questions on the texts below with names
exchanged, and questions about another document, which are unanswerable. No question that people wrote was trained on.
"""
    if shift:
        told += f"""
Afterwards the threshold at which it declines was lowered by {shift:.2f} nats, by a change of one row of its embedding
(`python -m experiments.reader calibrate`), so far that 90 % of NQ's questions about another paragraph are declined.
"""
    return told


def _data(given: Sequence[Source], counts: Mapping[str, Mapping[str, int]] | None) -> str:
    lines = [
        "## Texts it was trained on",
        "",
        "None forbids shipping what is trained on it. `experiments/reader/sources.yaml` pins versions and digests.",
        "",
        "| source | package | licence | MB of text | by |",
        "|---|---|---|---|---|",
    ]
    for one in given:
        size = f"{counts[one.name]['characters'] / 1e6:.1f}" if counts and one.name in counts else ""
        place = "LONGSHORT_DATA" if one.origin == "data" else f"{one.origin} {one.version}".strip()
        lines.append(f"| {one.name} | {one.package} ({place}) | {one.licence} | {size} | {one.attribution} |")
    package, version, licence, authors = TAGGER
    return "\n".join(
        [
            *lines,
            "",
            "Names, statements and questions of the generated tasks are ours. Rule-made questions use word tables",
            f"made from WordNet ({WORDNET.package} {WORDNET.version}, {WORDNET.licence}: {WORDNET.attribution}),",
            f"and the tags of {package} {version} ({licence}; {authors}), which is needed to prepare the texts alone.",
            "",
            "One document in 20 is held out, by the digest of its title.",
            "",
        ]
    )


def _figures(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "## Measured\n\nNot measured yet: `make bench NAME=reader` does, and `... reader card` writes it here.\n"
    sets = figures["sets"]
    lines = [
        "## Measured",
        "",
        f"Held-out data, greedy, {figures['precision']} through `transformers` on a CPU; by `make bench NAME=reader`.",
    ]
    lines += _table("Exact match by tokens", SETS, LENGTHS, sets)
    lines += _table("Exact match by sentences", TWINS, SENTENCES, sets)
    people = {name: words for name, words in PEOPLE.items() if name in sets}
    if people:
        lines += ["", "| questions by people | n | exact | F1 | declined |", "|---|---|---|---|---|"]
        for name, words in people.items():
            s = sets[name]
            lines.append(f"| {words} | {s['n']:.0f} | {s['exact']:.2f} | {s['f1']:.2f} | {s['declined']:.2f} |")
        lines += ["", "NQ and MuSiQue are development figures: not trained on, but seen while the reader was made."]
    for way, speeds in figures.get("prefill", {}).items():
        told = ", ".join(f"{rate:,.0f} at {n} tokens" for n, rate in speeds.items())
        lines += ["", f"Prefill on {figures['machine']['cores']} cores, {way}, tokens/s: {told}."]
    return "\n".join([*lines, "", *(f"- {note}" for note in figures.get("notes", ())), ""])


def _table(head: str, named: Mapping[str, str], places: Sequence[str], sets: Mapping[str, Any]) -> Iterator[str]:
    rows = {words: [sets.get(f"{name}/{place}") for place in places] for name, words in named.items()}
    rows = {words: found for words, found in rows.items() if any(found)}
    if rows:
        yield from ("", f"| {head} | " + " | ".join(places) + " |", "|---" * (len(places) + 1) + "|")
        for words, found in rows.items():
            yield f"| {words} | " + " | ".join(f"{s['exact']:.2f}" if s else "" for s in found) + " |"


def _read(path: Path | None) -> Any:
    if path is None:
        return None
    if not path.is_file():
        raise UserError(f"{path} does not exist", where="card", remedy="Leave it out, or make it first")
    return json.loads(path.read_text(encoding="utf-8"))
