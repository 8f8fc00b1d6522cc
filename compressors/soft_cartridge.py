"""Cartridges: a document as a short prefix of keys and values that was trained offline, once for all its questions.

Eyuboglu et al. 2025, "Cartridges: Lightweight and general-purpose long context representations via self-study" (arXiv
2506.06266). The prefixes of a prompt's documents are put one behind the other, as they were saved, and the documents'
text is left out. So the prompt's order changes: first all documents, then the instruction, the labels and the question,
in their order, at the positions behind the prefixes. That is how the authors' code places a cartridge, and what it
composes several by: by putting them together without turning a key (read in public copies of `cartridges/cache.py` and
of its models). No weights of theirs were run here.

A folder holds a safetensors file for each document, by the SHA-256 of its text or by its id, `<name>.safetensors`:

    keys.<i>, values.<i>   (K, P, E)   of layer i, the keys rotated by positions 0 to P - 1
    metadata               frozen: how many first slots training left as they were (the attention sink)
                           begin: ids of the opening tokens that the prefix begins with; the prompt's own are left out
                           text: SHA-256 of the document's text; model: digest of the model. Both may be left out

The authors' release stores one `torch.save` file of parameter lists `trainable_keys`, `trainable_values`,
`frozen_keys`, `frozen_values`, of (1, K, P, E) each; `from_release` reads that without running code from it.

Letters: K key/value heads, P slots, E size of a head.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from compressors.kv import at_least
from compressors.soft import Run, SoftCompressor, SoftPrompt, cache_shape, context_runs, opened, rest_of, tensors_of
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, digest
from pipeline.core.spec import digest_model, runtime, settings

if TYPE_CHECKING:
    from torch import Tensor

_WHERE = "soft: cartridge"
_MAKE = "python -m compressors.soft_cartridge_make"


class Told(NamedTuple):
    """What a file says beside its tensors."""

    frozen: int = 1
    begin: tuple[int, ...] = ()
    text: str = ""
    model: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, str] | None) -> Told:
        """From a file's metadata."""
        told = metadata or {}
        begin = tuple(int(token) for token in told.get("begin", "").split())
        return cls(int(told.get("frozen", 1)), begin, told.get("text", ""), told.get("model", ""))

    def metadata(self) -> dict[str, str]:
        """For a file; what is not known is left out."""
        given = {"frozen": str(self.frozen), "begin": " ".join(map(str, self.begin)), "text": self.text}
        return {name: value for name, value in (given | {"model": self.model}).items() if value}


@dataclass(frozen=True)
class Prefix:
    """Keys and values of each layer, (K, P, E) each, and what is said beside them."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    told: Told

    def __len__(self) -> int:
        return int(self.keys[0].shape[1])

    def save(self, file: Path) -> None:
        """As the file that the module describes."""
        from safetensors.torch import save_file

        layers = {f"keys.{i}": k for i, k in enumerate(self.keys)} | {
            f"values.{i}": v for i, v in enumerate(self.values)
        }
        save_file({name: t.detach().cpu().contiguous() for name, t in layers.items()}, file, self.told.metadata())

    @classmethod
    def load(cls, file: Path, like: Tensor | None = None) -> Prefix:
        """On the device and in the type of `like`. Raises UserError for a file that holds no prefix."""
        tensors, metadata = tensors_of(file, _WHERE)
        if like is not None:
            tensors = {name: tensor.to(like) for name, tensor in tensors.items()}
        names = [(f"keys.{i}", f"values.{i}") for i in range(max(1, len(tensors) // 2))]
        shapes = {tuple(tensor.shape) for tensor in tensors.values()}
        if {name for pair in names for name in pair} != set(tensors) or len(shapes) > 1 or tensors["keys.0"].ndim != 3:
            raise UserError(
                f"{file.name} does not hold keys.<i> and values.<i> of one shape (heads, slots, size) for each layer",
                where=_WHERE,
                remedy=f"Make it with {_MAKE}",
            )
        keys, values = zip(*((tensors[key], tensors[value]) for key, value in names), strict=True)
        return cls(keys, values, Told.of(metadata))


@dataclass(frozen=True, kw_only=True)
class Cartridge(SoftCompressor):
    """Every document of a prompt by its prefix from `folder`; a prompt without a document is read as it is.

    The prefixes must have been made for the reader's model: their shapes are checked, and where a file names the model,
    that. held: prefixes that stay on the device for further questions. A document has the same size however long its
    text is, so that no route need cut one; a text that was cut or compressed has no prefix, and is refused.
    """

    folder: str
    held: int = runtime(4)

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        at_least(1, held=self.held)

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the prefixes by their content."""
        if not Path(self.folder).is_dir():
            raise UserError(f"there is no folder {self.folder!r}", where=f"{_WHERE}: folder", remedy="Name one")
        return settings(self) | {"folder": digest_model(self.folder)}

    def window(self, positions: int, config: Mapping[str, Any]) -> int | None:
        """None: documents of any length."""
        return None

    def tokens_in(self, positions: int, config: Mapping[str, Any]) -> int:
        """Not asked for."""
        return positions

    def plan(
        self, model: Any, prompt: Prompt, ids: Sequence[int], places: Sequence[tuple[int, int]]
    ) -> CartridgePrompt:
        """Raises UserError for a document without a prefix, and for a prefix of another model."""
        kinds = set(getattr(model.config.get_text_config(decoder=True), "layer_types", None) or ()) - {"full_attention"}
        if kinds:
            told = f"{type(model).__name__} has layers of {', '.join(sorted(kinds))}, which a cartridge does not know"
            raise UserError(told, where=_WHERE, remedy="Leave soft out for it")
        runs = context_runs(prompt, places)
        found = [_found(Path(self.folder), run.part, model) for run in runs]
        return CartridgePrompt(self, model, ids, runs, found)

    def prefixes(self, model: Any, files: Sequence[Path]) -> tuple[list[Prefix], int]:
        """The prefixes on the model's device, and how many of them had to be loaded."""
        held = self._held.setdefault(model, OrderedDict())
        new = set(files) - held.keys()
        for file in files:
            if file not in held:
                held[file] = Prefix.load(file, model.get_input_embeddings().weight)
            held.move_to_end(file)
        found = [held[file] for file in files]
        while len(held) > max(self.held, len(set(files))):
            held.popitem(last=False)
        return found, len(new)

    @cached_property
    def _held(self) -> WeakKeyDictionary[Any, OrderedDict[Path, Prefix]]:
        # Gone with the reader's model.
        return WeakKeyDictionary()


class CartridgePrompt(SoftPrompt):
    """Prefixes, and behind them the tokens that are not context."""

    def __init__(
        self,
        by: Cartridge,
        model: Any,
        ids: Sequence[int],
        runs: Sequence[Run],
        found: Sequence[tuple[Path, int, Told]],
    ) -> None:
        self._by, self._files = by, [file for file, *_ in found]
        self._tokens = [token for tokens in rest_of(ids, runs) for token in tokens]
        begin = found[0][2].begin if found else ()
        if begin and tuple(self._tokens[: len(begin)]) == begin:
            del self._tokens[: len(begin)]
        if not self._tokens:
            raise UserError("the prompt is nothing but documents", where=_WHERE, remedy="Ask something about them")
        self._slots = sum(slots for _, slots, _ in found)
        context = sum(run.last - run.first for run in runs)
        super().__init__(model, tokens=len(ids), context=context, positions=self._slots + len(self._tokens))

    def inputs(self) -> dict[str, Any]:
        """`past_key_values` of the prefixes, and (1, P + T) tokens of which the first P only count the places."""
        import torch

        prefixes, self.made = self._by.prefixes(self.model, self._files)
        self.remembered = len(set(self._files)) - self.made
        # Any token will do: the model leaves out as many as its cache holds.
        ids = torch.tensor([[self._tokens[0]] * self._slots + self._tokens], device=self.model.device)
        given: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        return given | ({"past_key_values": cache_of(prefixes)} if prefixes else {})

    def peak(self) -> int:
        """The prefixes stay at hand beside the cache that they were put into."""
        return len(self) + self._slots


def cache_of(prefixes: Sequence[Prefix]) -> Any:
    """The model's cache with the prefixes' slots in it, one prefix behind the other, and room for more."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer in range(len(prefixes[0].keys)):
        keys = torch.cat([prefix.keys[layer] for prefix in prefixes], dim=1)
        values = torch.cat([prefix.values[layer] for prefix in prefixes], dim=1)
        cache.update(keys[None], values[None], layer)
    return cache


def _found(folder: Path, part: Part, model: Any) -> tuple[Path, int, Told]:
    """The file of a document's prefix, by its text, else by its id; its slots; what it says. Raises UserError."""
    text = digest(part.text or "")
    spans = part.spans or (() if part.span is None else (part.span,))
    document = spans[0].doc if spans else ""
    # By its id only where it may be whole.
    by_id = [document] if part.role == "document" and part.span is not None and part.span.start == 0 else []
    files = [folder / f"{name}.safetensors" for name in (text, *by_id) if Path(name).name == name]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise UserError(
            f"no prefix of {part.role} {document!r} in {str(folder)!r}, neither {document}.safetensors nor by its text",
            where=_WHERE,
            remedy=f"Make it with {_MAKE}; a passage, a cut or a compressed text has none",
        )
    with opened(file, _WHERE) as tensors:
        told = Told.of(tensors.metadata())
        layers = len(tensors.keys()) // 2
        shape = tensors.get_slice("keys.0").get_shape() if "keys.0" in tensors.keys() else []  # noqa: SIM118
    _fits(model, file, (layers, *shape[:1], *shape[2:]), told)
    if told.text not in ("", text):
        raise UserError(
            f"{file.name} was made of another text than the prompt shows of the document",
            where=_WHERE,
            remedy="Make it anew; a passage, a cut or a compressed text has none",
        )
    return file, int(shape[1]), told


def _fits(model: Any, file: Path, found: tuple[int, ...], told: Told) -> None:
    """Raises UserError where a prefix of so many layers, heads and a head's size cannot be this model's."""
    wanted = cache_shape(model)
    why = f"has (layers, heads, size) {found}, the model {wanted}" if found != wanted else ""
    if told.model and Path(model.name_or_path).is_dir() and told.model != digest_model(model.name_or_path):
        why = why or "was made for another model"
    if why:
        raise UserError(f"{file.name} {why}", where=_WHERE, remedy=f"Make it for this model, with {_MAKE}")


def from_release(file: Path, told: Told | None = None) -> Prefix:
    """A prefix from the file that the authors' code saves. Raises UserError for a file that holds anything else.

    told: what that file does not say; `frozen` is taken from it.
    """
    import torch

    try:
        with torch.serialization.safe_globals([torch.nn.ParameterList]):
            read = torch.load(file, map_location="cpu", weights_only=True)
        frozen, trained = (
            [(read[f"{kind}_keys"][i], read[f"{kind}_values"][i]) for i in range(len(read[f"{kind}_keys"]))]
            for kind in ("frozen", "trainable")
        )
        layers = [
            tuple(torch.cat([part[kind][0] for part in parts], dim=1).detach() for kind in (0, 1))
            for parts in (zip(frozen, trained, strict=True) if frozen else ((layer,) for layer in trained))
        ]
        keys, values = zip(*layers, strict=True)
    except Exception as e:
        # torch.load alone raises half a dozen types for a file that is not what it expects.
        first = next(iter(str(e).strip().splitlines()), type(e).__name__)
        raise UserError(f"{str(file)!r} is no cartridge of the authors' release: {first}", where=_WHERE) from e
    return Prefix(keys, values, (told or Told())._replace(frozen=frozen[0][0].shape[2] if frozen else 0))
