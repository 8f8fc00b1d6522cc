"""CompLLM: short segments of the context, each turned by itself into fewer vectors in the model's own input space.

Berton et al. 2025, "CompLLM: Compression for Long Context Q&A" (arXiv 2509.19228). The compressor is the reader's model
with a LoRA and one linear layer. No code and no weights of the authors were found, so that this was never run on
weights that they trained; the form of the files is ours. Not told by what could be read of the paper, and chosen here:
segments are cut at a fixed length, a segment has no opening token before it, and the final states are those behind the
model's last norm, as its head is given them. The end token is one vector, be it the model's own or a trained one.

A folder holds `adapter_config.json` and `adapter_model.safetensors`, the LoRA as `peft` saves it, and
`compllm.safetensors`:

    end                (D,)    the vector that is put behind a segment, once for each vector wanted
    projection.weight  (D, D)
    projection.bias    (D,)    may be left out
    metadata           `ratio` and `segment`, what it was trained at; may be left out

Letters: S tokens of a segment, C ratio, D size of the model's input vectors.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from compressors.kv import at_least
from compressors.soft import Run, SoftCompressor, SoftPrompt, context_runs, file_of, rest_of, tensors_of
from compressors.soft_lora import CONFIG, WEIGHTS, LoRA
from pipeline.core.errors import UserError
from pipeline.core.records import Prompt
from pipeline.core.spec import digest_model, runtime, settings

if TYPE_CHECKING:
    from torch import Tensor

HEAD = "compllm.safetensors"
_WHERE = "soft: compllm"

Segment = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class CompLLM(SoftCompressor):
    """ceil(S / C) vectors for each segment of at most `segment` tokens of a document or passage.

    model: the compressor's folder, or its hub name with its `revision`; made for the reader's model. Segments are read
    apart from each other, so that a document's vectors do not depend on what stands beside it. They are remembered as
    long as the reader's model is loaded: another question about the same document computes nothing. held_mib: memory
    for that. batch_segments: segments read at once, of equal length; batches move a vector by about 1e-6 in float32.
    """

    model: str
    revision: str = ""
    ratio: int = 2
    segment: int = 20
    batch_segments: int = runtime(64)
    held_mib: int = runtime(1024)

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        at_least(1, ratio=self.ratio, segment=self.segment, batch_segments=self.batch_segments)
        at_least(0, held_mib=self.held_mib)

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the compressor by its content."""
        body = settings(self)
        del body["revision"]
        return body | {"model": digest_model(self.model, self.revision)}

    def vectors_for(self, tokens: int) -> int:
        """ceil(S / C)."""
        return -(-tokens // self.ratio)

    def tokens_in(self, positions: int, config: Mapping[str, Any]) -> int:
        """In whole segments; a passage that ends within one may take a position more."""
        return positions // self.vectors_for(self.segment) * self.segment

    def segments(self, ids: Sequence[int]) -> list[Segment]:
        """The tokens in order, cut from the first on."""
        return [tuple(ids[at : at + self.segment]) for at in range(0, len(ids), self.segment)]

    def plan(self, model: Any, prompt: Prompt, ids: Sequence[int], places: Sequence[tuple[int, int]]) -> CompLLMPrompt:
        """Segments begin anew with each document and passage."""
        return CompLLMPrompt(self, model, ids, context_runs(prompt, places))

    def vectors(self, model: Any, segments: Sequence[Segment]) -> tuple[list[Tensor], int]:
        """(ceil(S / C), D) for each segment, on the processor, and how many of them had to be computed.

        Raises UserError for a folder that holds no compressor, or another model's.
        """
        if model not in self._compressors:
            self._compressors[model] = _Compressor(self, model)
        return self._compressors[model].vectors(model, segments)

    @cached_property
    def _compressors(self) -> WeakKeyDictionary[Any, _Compressor]:
        # Gone with the reader's model, and with it what it takes on the GPU.
        return WeakKeyDictionary()


class CompLLMPrompt(SoftPrompt):
    """Tokens, and segments in the context's place."""

    def __init__(self, by: CompLLM, model: Any, ids: Sequence[int], runs: Sequence[Run]) -> None:
        self._by = by
        self._rest = rest_of(ids, runs)
        self._runs = [by.segments(ids[run.first : run.last]) for run in runs]
        context = sum(run.last - run.first for run in runs)
        vectors = sum(by.vectors_for(len(segment)) for segments in self._runs for segment in segments)
        super().__init__(model, tokens=len(ids), context=context, positions=len(ids) - context + vectors)

    def inputs(self) -> dict[str, Any]:
        """`inputs_embeds` (1, P, D) of P positions, and their mask (1, P)."""
        import torch

        segments = [segment for run in self._runs for segment in run]
        vectors, self.made = self._by.vectors(self.model, segments)
        self.remembered = len(set(segments)) - self.made
        embed, device = self.model.get_input_embeddings(), self.model.device
        left, pieces = iter(vectors), []
        for tokens, run in zip_longest(self._rest, self._runs, fillvalue=()):
            pieces.append(embed(torch.tensor(tokens, dtype=torch.long, device=device)))
            if run:
                pieces.append(torch.cat([next(left) for _ in run]).to(device))
        whole = torch.cat(pieces)[None]
        return {"inputs_embeds": whole, "attention_mask": whole.new_ones(whole.shape[:2], dtype=torch.long)}


class _Compressor:
    """A CompLLM on one model, and the vectors that it has made. It holds layers of the model, and not the model."""

    def __init__(self, by: CompLLM, model: Any) -> None:
        self._by = by
        config, weights, head = (file_of(by.model, by.revision, name) for name in (CONFIG, WEIGHTS, HEAD))
        self._lora = LoRA(model, config, weights)
        tensors, told = tensors_of(head, _WHERE)
        table = model.get_input_embeddings().weight
        _check(tensors, told, by, table.shape[1])
        self._end = tensors["end"].to(table)
        # In float32 whatever the model computes in: it is one product for each vector.
        self._weight, self._bias = (
            tensors.get(f"projection.{name}", self._end.new_zeros(())).float().to(table.device)
            for name in ("weight", "bias")
        )
        self._held: OrderedDict[bytes, Tensor] = OrderedDict()
        self._bytes = 0

    def vectors(self, model: Any, segments: Sequence[Segment]) -> tuple[list[Tensor], int]:
        """See CompLLM.vectors."""
        keys = [array("q", segment).tobytes() for segment in segments]
        todo = {key: segment for key, segment in zip(keys, segments, strict=True) if key not in self._held}
        made = dict(zip(todo, self._made(model, list(todo.values())), strict=True))
        out = []
        for key in keys:
            if key not in made:
                self._held.move_to_end(key)
            out.append(made[key] if key in made else self._held[key])
        for key, vectors in made.items():
            self._held[key] = vectors
            self._bytes += vectors.nbytes
        while self._bytes > self._by.held_mib << 20:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
        return out, len(made)

    def _made(self, model: Any, segments: Sequence[Segment]) -> list[Tensor]:
        """Of segments of one length at a time: nothing is padded."""
        import torch

        out: dict[int, Tensor] = {}
        embed, many = model.get_input_embeddings(), self._by.batch_segments
        order = sorted(range(len(segments)), key=lambda i: len(segments[i]))
        with torch.inference_mode(), self._lora.on():
            for size, alike in groupby(order, key=lambda i: len(segments[i])):
                wanted, rows = self._by.vectors_for(size), list(alike)
                for some in (rows[at : at + many] for at in range(0, len(rows), many)):
                    tokens = embed(torch.tensor([segments[i] for i in some], device=model.device))
                    given = torch.cat((tokens, self._end.expand(len(some), wanted, -1)), dim=1)
                    states = model.base_model(inputs_embeds=given, use_cache=False)[0][:, -wanted:]
                    vectors = states.float() @ self._weight.T + self._bias
                    # Copies: a view would keep its whole batch from being forgotten.
                    out |= {i: v.clone() for i, v in zip(some, vectors.to(self._end.dtype).cpu(), strict=True)}
        return [out[i] for i in range(len(segments))]


def _check(tensors: Mapping[str, Tensor], told: Mapping[str, str], by: CompLLM, size: int) -> None:
    """Raises UserError for tensors of another model, and for settings that the compressor was not trained at."""
    shapes = {"end": (size,), "projection.weight": (size, size), "projection.bias": (size,)}
    for name in sorted(shapes.keys() | tensors.keys()):
        if name == "projection.bias" and name not in tensors:
            continue
        found = tuple(tensors[name].shape) if name in tensors else None
        if name not in shapes or found != shapes[name]:
            raise UserError(
                f"{name} in {HEAD} is of shape {found}, and {shapes.get(name)} is needed",
                where=_WHERE,
                remedy="Name a compressor that was made for the reader's model",
            )
    for name in ("ratio", "segment"):
        if told.get(name) not in (None, str(getattr(by, name))):
            raise UserError(
                f"trained at {name} {told[name]}, not {getattr(by, name)}",
                where=f"{_WHERE}: {name}",
                remedy=f"Give {told[name]}",
            )
