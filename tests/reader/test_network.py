"""The network against transformers' Llama, its shapes, and the optimiser's law."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from experiments.reader.export import configuration, to_llama
from experiments.reader.muon import Optimiser, orthogonal
from experiments.reader.network import MATRICES, Network, initial_weights, sizes
from experiments.reader.shape import LARGEST, SHAPES, Shape
from pipeline.core.errors import UserError

TINY = SHAPES["tiny"]


def lively(shape: Shape, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights of which no part is near zero, so that a mistake anywhere shows."""
    dice = torch.Generator().manual_seed(seed)
    return {
        k: torch.randn(v.shape, generator=dice) * 0.2 + (0 if v.dim() > 2 or k == "embedding" else 1)
        for k, v in initial_weights(shape, seed).items()
    }


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_those_of_the_weights_and_within_the_limit(name):
    shape = SHAPES[name]
    assert shape.parameters == sum(torch.Size(s).numel() for s in sizes(shape).values()) <= LARGEST
    shape.check_limit()


@pytest.mark.parametrize("wrong", [{"heads": 6, "key_value_heads": 4}, {"hidden": 100, "heads": 6}, {"layers": 0}])
def test_a_shape_that_no_checkpoint_has_is_refused(wrong):
    with pytest.raises(UserError):
        Shape(**wrong)


def test_a_reader_above_the_limit_is_refused():
    with pytest.raises(UserError, match="parameters"):
        Shape(hidden=768, layers=10).check_limit()


def test_logits_are_llamas():
    weights = lively(TINY)
    network = Network(TINY, weights)
    theirs = LlamaForCausalLM._from_config(LlamaConfig(**configuration(TINY, [2])), dtype=torch.float32).eval()
    left = theirs.load_state_dict(to_llama(weights), strict=False)
    assert left.missing_keys == ["lm_head.weight"] and not left.unexpected_keys
    ids = torch.randint(3, TINY.vocabulary, (2, 37), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        ours = network.logits(network.hidden(ids))
        assert ours.std() > 0.5, "logits that hardly differ prove nothing"
        torch.testing.assert_close(ours, theirs(ids).logits, rtol=0, atol=1e-4)


def test_loss_weighs_text_and_answers_by_their_means():
    network = Network(TINY, lively(TINY))
    ids = torch.randint(3, TINY.vocabulary, (2, 9), generator=torch.Generator().manual_seed(1))
    classes = torch.tensor([[0, 1, 1, 1, 2, 1, 1, 2], [0, 0, 1, 2, 0, 0, 0, 0]])
    total, parts = network.loss(ids[:, :-1], ids[:, 1:], classes, 0.6)
    logits = network.logits(network.hidden(ids[:, :-1]))
    each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(2, 8)
    text, answer = each[classes == 1].mean(), each[classes == 2].mean()
    torch.testing.assert_close(parts, torch.stack([text, answer]).detach())
    torch.testing.assert_close(total, answer + 0.6 * text)


def test_a_token_sees_no_later_one_and_no_other_row():
    network = Network(TINY, lively(TINY))
    ids = torch.randint(3, TINY.vocabulary, (2, 8), generator=torch.Generator().manual_seed(1))
    changed = ids.clone()
    changed[0, 5] += 1
    before, after = network.hidden(ids), network.hidden(changed)
    assert torch.equal(before[1], after[1]) and torch.equal(before[0, :5], after[0, :5])
    assert not torch.equal(before[0, 5], after[0, 5])


def test_the_pieces_can_be_compiled_as_one_graph_each():
    network = Network(TINY, lively(TINY))
    ids = torch.randint(3, TINY.vocabulary, (2, 8), generator=torch.Generator().manual_seed(1))
    classes = torch.full((2, 7), 2)
    plain, _ = network.loss(ids[:, :-1], ids[:, 1:], classes, 0.6)
    pieces = network._plain.items()
    network._pieces = {k: torch.compile(v, backend="eager", fullgraph=True, dynamic=False) for k, v in pieces}
    torch.testing.assert_close(network.loss(ids[:, :-1], ids[:, 1:], classes, 0.6)[0], plain)


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="sizes"):
        Network(SHAPES["narrow"], initial_weights(TINY, 0))


def test_orthogonal_brings_singular_values_near_one():
    stack = torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(stack).float())
    assert values.min() > 0.5 and values.max() < 1.4


def test_a_step_moves_each_matrix_by_its_orthogonal_gradient_and_clears_it():
    network = Network(TINY, lively(TINY))
    before = {k: v.detach().clone() for k, v in network.weights.items()}
    for weight in network.weights.values():
        weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(3))
    gradient = network.weights["down"].grad[0].clone()
    Optimiser(network.weights).step(0.01)
    moved = network.weights["down"].detach()[0] - before["down"][0] * (1 - 0.01 * 0.1)
    expected = -0.01 * 0.2 * 128**0.5 * orthogonal(gradient[None])[0].float()
    torch.testing.assert_close(moved, expected, rtol=0.05, atol=3e-4)
    for name, weight in network.weights.items():
        assert weight.grad is None and not torch.equal(weight.detach(), before[name])


def test_the_state_of_an_optimiser_goes_on_as_if_it_had_never_stopped():
    def gradients(network: Network, seed: int) -> None:
        dice = torch.Generator().manual_seed(seed)
        for weight in network.weights.values():
            weight.grad = torch.randn(weight.shape, generator=dice)

    one = Network(TINY, lively(TINY))
    first = Optimiser(one.weights)
    for seed in (1, 2):
        gradients(one, seed)
        first.step(0.01)
    two = Network(TINY, {k: v.detach() for k, v in one.weights.items()})
    second = Optimiser(two.weights)
    second.load({k: v.clone() for k, v in first.state().items()})
    for network, optimiser in ((one, first), (two, second)):
        gradients(network, 3)
        optimiser.step(0.01)
    assert all(torch.equal(one.weights[k], two.weights[k]) for k in one.weights)
    assert set(MATRICES) < set(one.weights)
