"""The command line of costs: `python -m pipeline plan --model M --device D ...` and `calibrate --out FILE`.

Exit status: 0 done; 2 a mistake that the user can mend, told in one line; 130 stopped by the user.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import run
from pipeline.core.errors import UserError
from pipeline.cost.files import write_text

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

Model = Annotated[str, typer.Option(help="llama-8b, llama-70b, a config.json or a folder that holds one.")]
DeviceName = Annotated[str, typer.Option(help="h100, h200, cpu-4 or a file that calibrate wrote.")]


@app.command()
def plan(
    model: Model,
    device: DeviceName,
    docs: Annotated[int, typer.Option(help="Documents.")],
    doc_tokens: Annotated[int, typer.Option(help="Tokens of one document.")],
    questions_per_doc: Annotated[int, typer.Option(help="Questions on each document.")],
    answer_tokens: Annotated[int, typer.Option(help="Tokens of one answer.")] = 64,
    question_tokens: Annotated[int, typer.Option(help="Tokens of one question, with its instructions.")] = 40,
    rag_tokens: Annotated[int, typer.Option(help="Tokens of the passages that RAG reads for a question.")] = 1500,
    fallback: Annotated[float, typer.Option(help="Share of self-route's questions that read the document.")] = 0.3,
    text_ratio: Annotated[float, typer.Option(help="How many times shorter compressed-lc makes a document.")] = 4.0,
    kv_ratio: Annotated[float, typer.Option(help="How many times smaller kv-lc makes a document's cache.")] = 4.0,
    hit_share: Annotated[float, typer.Option(help="Share of later questions that find the document cached.")] = 1.0,
    batch: Annotated[int, typer.Option(help="Questions answered side by side, where they fit.")] = 16,
    devices: Annotated[int, typer.Option(help="Devices that share the model; 0: as the device says.")] = 0,
    kv: Annotated[str, typer.Option(help="Number format of the KV cache: bf16, fp8, int8, int4.")] = "bf16",
    weights: Annotated[str, typer.Option(help="Number format of the matrices; empty: the model's own.")] = "",
    chunk: Annotated[int, typer.Option(help="Tokens that prefill takes in one step.")] = 8192,
    memory_share: Annotated[float, typer.Option(help="Share of the memory that the engine may use.")] = 0.9,
    transfer_ratio: Annotated[float, typer.Option(help="Compression of a KV cache on its way to the host.")] = 1.0,
    price_per_gpu_hour: Annotated[float, typer.Option(help="In $, of one device.")] = 3.0,
    out: Annotated[Path | None, typer.Option(help="An SVG file to draw the costs to.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of the table.")] = False,
) -> None:
    """What long context, RAG and their hybrids cost per question, where they break even, and what fits."""
    from pipeline.cost.config import shape_named
    from pipeline.cost.device import device_named
    from pipeline.cost.model import CostModel, Engine
    from pipeline.cost.plan import Load, make_plan
    from pipeline.cost.shown import record_of, table_of

    shape, place = shape_named(model), device_named(device)
    if weights:
        shape = replace(shape, weights=weights)
    if devices < 0:
        raise UserError(f"{devices} devices", where="devices", remedy="Give 1 or more")
    engine = Engine(kv=kv, chunk=chunk, memory_share=memory_share, transfer_ratio=transfer_ratio)
    load = Load(
        docs=docs,
        doc_tokens=doc_tokens,
        questions=questions_per_doc,
        answer_tokens=answer_tokens,
        question_tokens=question_tokens,
        rag_tokens=rag_tokens,
        fallback=fallback,
        text_ratio=text_ratio,
        kv_ratio=kv_ratio,
        hit_share=hit_share,
        batch=batch,
        price=price_per_gpu_hour,
    )
    made = make_plan(CostModel(shape, place.times(devices) if devices else place, engine), load)
    if out is not None:
        from pipeline.cost.picture import picture_of

        write_text(out, picture_of(made))
    if as_json:
        typer.echo(json.dumps(record_of(made), indent=1))
        return
    typer.echo(table_of(made), nl=False)
    if out is not None:
        typer.echo(f"picture: {out}")


@app.command()
def calibrate(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    seconds: Annotated[float, typer.Option(help="About how long to measure.")] = 30.0,
    device: Annotated[str, typer.Option(help="cpu or cuda; empty: cuda where there is one.")] = "",
    dtype: Annotated[str, typer.Option(help="fp32, bf16 or fp16; empty: what the device is fast in.")] = "",
    model: Annotated[str, typer.Option(help="A model whose sizes are used, as in plan.")] = "",
    name: Annotated[str, typer.Option(help="The device's name in plans.")] = "",
) -> None:
    """Measure this machine's constants for `plan`, with torch, in about half a minute."""
    from pipeline.cost.calibrate import calibrate as measure
    from pipeline.cost.config import shape_named
    from pipeline.cost.device import write_device

    shape = shape_named(model) if model else None
    if out.is_dir() or not out.parent.is_dir():  # before half a minute of work that could not be kept
        raise UserError("it cannot be written there", where=str(out), remedy="Name a file in a folder that exists")
    measured = measure(seconds=seconds, device=device, dtype=dtype, shape=shape, name=name)
    write_device(measured, out)
    typer.echo(
        f"{measured.name}: products {measured.matrix_flops / 1e12:.3g} TFLOP/s, attention "
        f"{measured.attention_flops / 1e12:.3g} TFLOP/s, weights read {measured.memory_rate / 1e9:.3g} GB/s, norms and "
        f"gates {measured.elementwise_rate / 1e9:.3g} GB/s, host {measured.host_rate / 1e9:.3g} GB/s, a layer's start "
        f"{measured.layer_seconds * 1e6:.3g} µs\n{measured.note}\nwritten: {out}"
    )


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit status 2."""
    run(app, "pipeline")


if __name__ == "__main__":
    main()
