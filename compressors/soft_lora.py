"""A LoRA beside a model's weights: y = W x + s B (A x), while it is switched on, and the plain model before and after.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models" (arXiv 2106.09685), in the files that `peft`
writes: `adapter_config.json` and `adapter_model.safetensors`. W is never touched, so that the answer is the plain
model's to the last bit. Only the plain method on linear layers is known: what else a file asks for is refused.

Letters: R rank; I, O sizes of a layer's input and output.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compressors.soft import tensors_of
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": (None, "none"),
    # Others begin from other base weights than the model's.
    "init_lora_weights": (None, True, False, "gaussian"),
}
"""Settings of which only these values make a plain LoRA."""
_HARMLESS = frozenset(
    "r lora_alpha use_rslora lora_dropout target_modules exclude_modules layers_to_transform layers_pattern "
    "fan_in_fan_out ensure_weight_tying qalora_group_size loftq_config eva_config corda_config lora_ga_config "
    "megatron_config megatron_core auto_mapping base_model_name_or_path revision task_type inference_mode peft_version "
    "peft_type bias init_lora_weights".split()
)
"""Settings that do not change what a trained adapter computes, or that are looked at here. Any other, known today or
not, must be empty: a variant of LoRA that is not understood would give wrong vectors in silence."""


class LoRA:
    """An adapter for one model, on its device. Raises UserError for another model's, or one that is no plain LoRA."""

    def __init__(self, model: Any, config: Path, weights: Path) -> None:
        self._where = f"soft: {weights.name}"
        told = _read(config, self._where)
        self._scale = _scale(told, self._where)
        tensors, _ = tensors_of(weights, self._where)
        names = {name.rsplit(".lora_", 1)[0] for name in tensors}
        wanted = {f"{name}.lora_{side}.weight" for name in names for side in "AB"}
        if not tensors or wanted != set(tensors):
            odd = sorted(wanted ^ set(tensors))[:1]
            raise self._unfit(f"not pairs of lora_A and lora_B weights of linear layers: {odd}")
        self._pairs: list[tuple[Any, Tensor, Tensor]] = []
        for name in sorted(names):
            layer = self._layer(model, name)
            a, b = (tensors[f"{name}.lora_{side}.weight"].float().to(model.device) for side in "AB")
            shape = tuple(getattr(layer, "weight", a[:0]).shape)
            if a.ndim != 2 or b.ndim != 2 or len(a) != b.shape[1] or shape not in (sizes := _sizes(a, b)):
                raise self._unfit(f"{name} is {shape} in the model, and for {sizes} in the adapter")
            self._pairs.append((layer, a, b))

    @contextmanager
    def on(self) -> Iterator[None]:
        """The model with the adapter, as long as this lasts."""
        with ExitStack() as stack:
            for layer, a, b in self._pairs:
                stack.callback(layer.register_forward_hook(self._added(a, b)).remove)
            yield

    def _added(self, a: Tensor, b: Tensor) -> Any:
        """(R, I), (O, R) -> a hook that adds to a layer's output."""

        def hook(_: Any, given: tuple[Any, ...], out: Tensor) -> Tensor:
            # In float32 whatever the model computes in, as peft does.
            added: Tensor = (given[0].float() @ a.T @ b.T) * self._scale
            return (out + added).to(out.dtype)

        return hook

    def _layer(self, model: Any, name: str) -> Any:
        path = name.removeprefix(_PREFIX)
        # Trained on the model with its head, or on the model below it.
        for root in (model, model.base_model):
            try:
                return root.get_submodule(path)
            except AttributeError:
                continue
        raise self._unfit(f"the model has no layer {path!r}")

    def _unfit(self, why: str) -> UserError:
        return UserError(f"the adapter does not fit: {why}", where=self._where, remedy="Name the model it was made for")


def _read(config: Path, where: str) -> dict[str, Any]:
    try:
        told = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UserError(f"{str(config)!r} cannot be read: {e}", where=where, remedy="Save the adapter again") from e
    if not isinstance(told, dict):
        raise UserError(f"{str(config)!r} holds no settings", where=where, remedy="Save the adapter again")
    for name in sorted(told.keys() | _PLAIN.keys()):
        value = told.get(name)
        if value not in _PLAIN[name] if name in _PLAIN else (name not in _HARMLESS and value):
            raise UserError(
                f"{config.name} asks for {name}: {value!r}, which is no plain LoRA",
                where=where,
                remedy="Merge it into the model, or train a plain LoRA",
            )
    return told


def _scale(told: dict[str, Any], where: str) -> float:
    """alpha / R, or alpha / sqrt(R) for a rank-stabilised one (arXiv 2312.03732)."""
    alpha, rank = told.get("lora_alpha"), told.get("r")
    if not isinstance(alpha, int | float) or not isinstance(rank, int) or rank < 1:
        raise UserError(f"{CONFIG} has no rank and alpha", where=where, remedy="Add r and lora_alpha")
    return float(alpha / (rank**0.5 if told.get("use_rslora") else rank))


def _sizes(a: Tensor, b: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """Shapes that the layer's weight may have: (O, I), or (I, O) as GPT-2 has them."""
    return (len(b), a.shape[1]), (a.shape[1], len(b))
