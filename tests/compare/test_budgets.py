"""The width that meets a budget, for everything in the catalog and everything that can be matched."""

from dataclasses import replace

import pytest

from statewise.catalog import CATALOG
from statewise.compare.arms import NEAR, arm_cost, solve_width
from statewise.compare.config import CompareConfig
from statewise.models.config import ModelConfig
from statewise.tasks.recalling import DelayedRecall
from statewise.workbench import WORKBENCH

BUDGETS = {"parameters": (3_000, 20_000), "flops": (20_000, 100_000), "state": (300, 1_024)}
CASES = [(match, budget) for match, budgets in BUDGETS.items() for budget in budgets]
TASK = DelayedRecall(delay=1, shortest=6, longest=6)


def default(name: str) -> ModelConfig:
    return WORKBENCH.default_config(name, depth=1, context_length=8)


def solve(name: str, match: str, budget: int) -> tuple[int, str | None]:
    config = CompareConfig(match=match, budget=budget, depth=1)
    return solve_width(config, TASK, WORKBENCH, default(name), CATALOG[name].width_multiple)


def cost(name: str, match: str, width: int) -> int:
    return arm_cost(match, TASK, WORKBENCH, replace(default(name), width=width))


@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.parametrize(("match", "budget"), CASES)
def test_the_width_is_the_nearest_and_near_or_said_not_to_be(name, match, budget):
    width, reason = solve(name, match, budget)
    multiple = CATALOG[name].width_multiple
    gap = abs(cost(name, match, width) - budget)
    assert width % multiple == 0
    assert (gap > NEAR * budget) == (reason is not None), reason
    assert gap <= abs(cost(name, match, width + multiple) - budget)
    assert width == multiple or gap <= abs(cost(name, match, width - multiple) - budget)


@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.parametrize("match", BUDGETS)
def test_a_budget_below_the_smallest_size_is_answered_with_that_size(name, match):
    smallest = cost(name, match, CATALOG[name].width_multiple)
    _, reason = solve(name, match, max(1, smallest // 2))
    assert reason is not None
    assert f"{smallest:,} {match}" in reason


def test_a_budget_between_two_widths_is_said_to_be_unreachable():
    """Attention's widths are multiples of four: the state of 4 and of 8 lie far apart."""
    narrow, wide = (cost("attention", "state", width) for width in (4, 8))
    _, reason = solve("attention", "state", (narrow + wide) // 2)
    assert reason is not None
    assert "unreachable" in reason


@pytest.mark.parametrize("match", BUDGETS)
@pytest.mark.parametrize("name", sorted(CATALOG.keys() - {"echo-state"}))
def test_a_wider_model_costs_more(name, match):
    """What the search by halves rests on; a sparse reservoir's number of weights is random besides."""
    multiple = CATALOG[name].width_multiple
    costs = [cost(name, match, units * multiple) for units in (1, 2, 3, 4, 8)]
    assert costs == sorted(set(costs))
