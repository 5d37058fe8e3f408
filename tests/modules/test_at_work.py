"""Maps at work in a stream against the modules that they are made of."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from statewise.contract import at_work
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
    working = at_work(module)
    with torch.no_grad():
        for x in (rows(1), rows(3), rows(3), rows(1)):
            torch.testing.assert_close(working(x), module(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["linear", "layer norm", "rms norm"])
def test_it_allocates_nothing_where_loops_serve(name: str) -> None:
    working = at_work(made(name))
    assert working(rows(2)).data_ptr() == working(rows(2)).data_ptr()


@pytest.mark.parametrize("name", MODULES)
def test_it_is_the_module_where_loops_do_not_serve(name: str) -> None:
    module, x = made(name), rows(2)
    with without_compiled_loops():
        assert torch.equal(at_work(module)(x), module(x))
    many = torch.randn(2, 4, D, dtype=torch.float64)
    assert torch.equal(at_work(module)(many), module(many))
    half = module.bfloat16()
    assert torch.equal(at_work(half)(x.bfloat16()), half(x.bfloat16()))


def test_what_serves_elsewhere_may_be_given() -> None:
    many = torch.randn(2, 4, D, dtype=torch.float64)
    assert torch.equal(at_work(made("linear"), lambda x: 2 * x)(many), 2 * many)
    assert torch.equal(at_work(torch.tanh, torch.sinh)(many), many.sinh())


def test_begun_in_inference_mode_it_goes_on_outside() -> None:
    working = at_work(made("layer norm"))
    with torch.inference_mode():
        working(rows(1))
    weight = torch.ones(D, dtype=torch.float64, requires_grad=True)
    (working(rows(1)) * weight).sum().backward()
    assert weight.grad is not None
