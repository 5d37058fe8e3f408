"""Maps in a stream against the modules that they are made of."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from statewise.contract import in_stream
from statewise.modules.linear import Linear
from statewise.modules.norm import LayerNorm, RMSNorm
from statewise.ops.compiled.compiler import without_compiled_loops

D = 5
MODULES: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: Linear(D, 3),
    "linear without bias": lambda: Linear(D, 3, bias=False),
    "layer norm": lambda: LayerNorm(D),
    "rms norm": lambda: RMSNorm(D),
    "rms norm of another epsilon": lambda: RMSNorm(D, eps=1e-3),
    "one that knows nothing faster": lambda: nn.Linear(D, 3),
}


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    module = MODULES[name]().double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def rows(number: int) -> Tensor:
    return torch.randn(number, D, dtype=torch.float64)


@pytest.mark.parametrize("name", MODULES)
def test_it_equals_the_module_for_the_rows_that_come(name: str) -> None:
    module = made(name)
    working = in_stream(module)
    with torch.no_grad():
        for x in (rows(1), rows(3), rows(3), rows(1)):
            torch.testing.assert_close(working(x), module(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["linear", "layer norm", "rms norm"])
def test_it_allocates_nothing_where_loops_serve(name: str) -> None:
    working = in_stream(made(name))
    assert working(rows(2)).data_ptr() == working(rows(2)).data_ptr()


@pytest.mark.parametrize("name", MODULES)
def test_it_is_the_module_where_loops_do_not_serve(name: str) -> None:
    module, x = made(name), rows(2)
    with without_compiled_loops():
        assert torch.equal(in_stream(module)(x), module(x))
    many = torch.randn(2, 4, D, dtype=torch.float64)
    assert torch.equal(in_stream(module)(many), module(many))
    half = module.bfloat16()
    assert torch.equal(in_stream(half)(x.bfloat16()), half(x.bfloat16()))


def test_what_serves_elsewhere_may_be_given() -> None:
    many = torch.randn(2, 4, D, dtype=torch.float64)
    assert torch.equal(in_stream(made("linear"), lambda x: 2 * x)(many), 2 * many)
    assert torch.equal(in_stream(torch.tanh, torch.sinh)(many), many.sinh())


class Clamped(Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).clamp(-0.1, 0.1)


class Head(nn.Module):
    """Has a part of that name."""

    def __init__(self) -> None:
        super().__init__()
        self.in_stream = nn.Linear(D, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.in_stream(x)
        return y


@torch.no_grad()
def test_a_module_that_is_not_as_written_is_called() -> None:
    after, before = Linear(D, 3), Linear(D, 3)
    after.register_forward_hook(lambda module, given, y: 2 * y)
    before.register_forward_pre_hook(lambda module, given: (given[0] + 1,))
    for module in (Clamped(D, 3), Head(), after, before):
        x = torch.randn(2, D)
        assert torch.equal(in_stream(module)(x), module(x))


@torch.no_grad()
def test_it_goes_on_with_the_weights_that_it_began_with() -> None:
    module, x = made("linear"), rows(2)
    expected, working = module(x), in_stream(module)
    for parameter in module.parameters():
        parameter.zero_()
    for again in (x, x[:1], x):
        torch.testing.assert_close(working(again), expected[: len(again)])


def test_weights_made_of_others_are_made_without_gradients() -> None:
    calls = []

    class Grad(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            calls.append(torch.is_grad_enabled())
            return 2 * weight

    module = made("linear")
    nn.utils.parametrize.register_parametrization(module, "weight", Grad())
    calls.clear()
    in_stream(module)(rows(1))
    assert calls
    assert not any(calls)


def test_begun_in_inference_mode_it_goes_on_outside() -> None:
    working = in_stream(made("layer norm"))
    with torch.inference_mode():
        working(rows(1))
    weight = torch.ones(D, dtype=torch.float64, requires_grad=True)
    (working(rows(1)) * weight).sum().backward()
    assert weight.grad is not None
