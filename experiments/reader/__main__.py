"""The command line of the reader's making: `python -m experiments.reader prepare|train|export|card|evaluate`.

Training needs torch, tokenizers, safetensors and numpy and nothing of the network; `prepare` and `texts` alone fetch
anything. `texts` and `tag` are two of the steps of `prepare`.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import typer

from pipeline.core.errors import UserError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def _data() -> Path:
    return Path(os.environ.get("LONGSHORT_DATA") or "../shared/data")


@app.command()
def prepare(
    out: Annotated[Path, typer.Option(help="Where the texts, the tokenizer and the held-out sets go.")],
    packages: Annotated[Path | None, typer.Option(help="Where the packages lie or go; default: OUT/packages.")] = None,
) -> None:
    """Make all that training needs, or what of it is missing. LONGSHORT_DATA names the data folder."""
    from experiments.reader.prepare import prepare as made

    made(out, _data(), packages=packages, say=typer.echo)


@app.command()
def texts(
    folder: Annotated[Path, typer.Option(help="Where the packages go, unpacked.")],
    out: Annotated[Path, typer.Option(help="Where texts.jsonl.gz goes.")],
    fetch: Annotated[bool, typer.Option(help="Fetch the packages of sources.yaml by name first.")] = False,
) -> None:
    """Collect the openly licensed text that the reader is trained on. LONGSHORT_DATA names the data folder."""
    from experiments.reader import sources
    from experiments.reader.prepare import write_texts

    if fetch:
        sources.fetch(folder)
    out.mkdir(parents=True, exist_ok=True)
    write_texts(out, folder, _data(), typer.echo)


@app.command()
def tag(
    data: Annotated[Path, typer.Option(help="Folder with texts.jsonl.gz and tokenizer/; the rest is written there.")],
    wordnet: Annotated[Path, typer.Option(help="Folder with WordNet's data files.")],
) -> None:
    """Tag the texts' words, and write the held-out sets. LONGSHORT_DATA names the data folder."""
    from experiments.reader.prepare import write_sets, write_tags

    write_tags(data, wordnet, typer.echo)
    write_sets(data, _data(), typer.echo)


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder with tagged.jsonl.gz, lexicon.json.gz, tokenizer/, held/*.jsonl.")],
    out: Annotated[Path, typer.Option(help="Where states and the log go.")],
    shape: Annotated[str, typer.Option(help="A name of experiments.reader.shape.SHAPES.")] = "narrow",
    tokens: Annotated[float, typer.Option(help="Tokens of the whole run.")] = 1.1e9,
    batch: Annotated[int, typer.Option(help="Tokens of a micro-batch.")] = 65_536,
    seed: Annotated[int, typer.Option(help="Seed of weights and data.")] = 1,
    seconds: Annotated[float, typer.Option(help="Stop after so long, with a state to go on from.")] = math.inf,
    workers: Annotated[int, typer.Option(help="Processes that make the data.")] = 14,
    resume: Annotated[bool, typer.Option(help="Go on from the state in --out or --carried.")] = False,
    carried: Annotated[Path | None, typer.Option(help="A state from elsewhere, light or full.")] = None,
    stage: Annotated[str, typer.Option(help="first, or second, which begins at --start.")] = "first",
    start: Annotated[Path | None, typer.Option(help="An exported reader, or a state of the first stage.")] = None,
    quick_rows: Annotated[int, typer.Option(help="Rows of each held set for the measures on the way; 0: none.")] = 40,
    quick_every: Annotated[float, typer.Option(help="Seconds between these.")] = 180.0,
) -> None:
    """Train the reader, or go on. Exit status 0: the plan is fulfilled; 3: cut off, the same with --resume goes on."""
    import torch

    from experiments.reader import evaluate as measures
    from experiments.reader import train as loop
    from experiments.reader.export import weights_of
    from experiments.reader.mixture import STAGES, Mixture
    from experiments.reader.pack import Packer, load_tokenizer
    from experiments.reader.running import Documents
    from experiments.reader.shape import SHAPES

    if shape not in SHAPES:
        raise UserError(f"no shape {shape!r}", where="--shape", remedy=f"Known: {', '.join(SHAPES)}")
    if stage not in STAGES:
        raise UserError(f"no stage {stage!r}", where="--stage", remedy=f"Known: {', '.join(STAGES)}")
    if (stage == "second") != (start is not None):
        raise UserError("the second stage begins where the first ended", where="--start", remedy="Give both or neither")
    tokenizer = load_tokenizer(data / "tokenizer")
    if tokenizer.get_vocab_size() > SHAPES[shape].vocabulary:
        raise UserError(
            f"{tokenizer.get_vocab_size()} entries, but the shape has {SHAPES[shape].vocabulary}",
            where=str(data / "tokenizer"),
            remedy="Give another --shape",
        )
    SHAPES[shape].check_limit()
    plan = loop.Plan(tokens=int(tokens), batch=batch, seed=seed, **loop.SCHEDULES[stage])
    mixture = Mixture(
        Packer(tokenizer),
        Documents.load(data / "tagged.jsonl.gz", data / "lexicon.json.gz"),
        seed=seed,
        batches=plan.batches,
        batch_tokens=batch,
        stage=STAGES[stage],
    )
    rows = measures.read_rows(sorted((data / "held").glob("*.jsonl")), most=quick_rows) if quick_rows else []
    # torch.cuda.device_count asks the driver without making a context, which forked workers would inherit broken.
    cuda = torch.cuda.device_count() > 0
    done = loop.train(
        plan,
        SHAPES[shape],
        mixture.batch,
        out,
        limits=loop.Limits(seconds=seconds, workers=workers, evaluate_every=quick_every),
        device="cuda" if cuda else "cpu",
        compiled=cuda,
        resume=resume,
        carried=carried,
        start=weights_of(start, SHAPES[shape]) if start else None,
        quick=measures.quick(tokenizer, rows) if rows else None,
    )
    raise typer.Exit(0 if done else 3)


@app.command()
def export(
    state: Annotated[Path, typer.Argument(help="A training state: .../state or .../light.")],
    tokenizer: Annotated[Path, typer.Option(help="The tokenizer's folder.")],
    out: Annotated[Path, typer.Option(help="Where the model goes.")],
) -> None:
    """Write a training state as a Hugging Face folder."""
    from experiments.reader.export import export as write

    shape = write(state, tokenizer, out)
    typer.echo(f"{shape.parameters:,} parameters, {shape.megabytes:.1f} MB in bf16: {out}")


@app.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="An exported reader; its weights are changed.")],
    held: Annotated[Path, typer.Option(help="people.jsonl of the held-out sets.")],
    questions: Annotated[str, typer.Option(help="The set to calibrate on.")] = "nq",
    declined: Annotated[float, typer.Option(help="Share of other texts' questions still to be declined.")] = 0.9,
) -> None:
    """Let the reader decline less often, as far as it still declines what another text answers."""
    from experiments.reader.calibrate import calibrate as shift
    from experiments.reader.evaluate import read_rows

    asked = read_rows([held], keep=lambda name: name in (f"{questions}/own", f"{questions}/other"))
    if not asked:
        raise UserError(f"no questions of {questions!r}", where=str(held), remedy="Prepare with LONGSHORT_DATA set")
    moved, shares = shift(model, asked, declined=declined)
    typer.echo(f"moved by {moved:.2f} nats; " + ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="An exported reader.")],
    training: Annotated[list[Path] | None, typer.Option(help="Each stage's last state, the first one first.")] = None,
    device: Annotated[str, typer.Option(help="What it was trained on, as in: NVIDIA H100.")] = "",
    texts: Annotated[Path | None, typer.Option(help="texts.json of the preparation.")] = None,
    figures: Annotated[Path | None, typer.Option(help="runs/bench/reader.json, where it was measured.")] = None,
) -> None:
    """Write the model card beside an exported reader."""
    from experiments.reader.card import write_card

    typer.echo(write_card(model, training=training or (), device=device, counts=texts, figures=figures))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="An exported reader.")],
    rows: Annotated[list[Path], typer.Argument(help="Held-out sets, .jsonl.")],
    out: Annotated[Path | None, typer.Option(help="A .json file for scores and answers.")] = None,
    most: Annotated[int | None, typer.Option(help="Rows of each set.")] = None,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, mixed, or forced: token by token.")] = "float32",
) -> None:
    """Ask an exported reader held-out questions, and print what it gets right."""
    from experiments.reader import evaluate as measures

    asked = measures.read_rows(rows, most=most)
    if precision == "forced":
        import torch

        from experiments.reader.export import read_weights, shape_of
        from experiments.reader.network import Network
        from experiments.reader.pack import load_tokenizer

        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = Network(shape_of(model), read_weights(model), device=device)
        for name, share in measures.quick(load_tokenizer(model), asked)(network).items():
            typer.echo(f"{name:28} {share:.3f}")
        return
    verdicts = measures.generated(model, asked, precision=precision)
    for name, scores in measures.summary(verdicts).items():
        typer.echo(f"{name:28} " + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()))
    if out is not None:
        answers = [[v.row.name, v.row.question, list(v.row.answers), v.answer, v.exact, v.f1] for v in verdicts]
        out.write_text(json.dumps({"scores": measures.summary(verdicts), "answers": answers}, indent=1) + "\n", "utf-8")


def main() -> None:
    """Run the command line; a user's mistake is one line and status 2."""
    try:
        app()
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
