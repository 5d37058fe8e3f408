"""The past does not see the future, and rows do not see each other."""

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, Tokens, take_step
from statewise.laws.broken import Fault, demand_equal, demand_same_run, difference
from statewise.laws.subject import BATCH, TIME, Subject, rows


def causal(subject: Subject) -> None:
    """Large, finite and NaN changes of the whole suffix leave the past as it was; y_t depends on x_t."""
    layer, x, state = subject.layer, subject.x, subject.state
    y, _ = layer(x, state)
    for cut in (1, 5, TIME - 1):
        for kind, changed in _changed_suffixes(subject, cut):
            other, _ = layer(changed, state)
            demand_equal(f"y before step {cut} after a {kind} change from there on", y[:, :cut], other[:, :cut])
            if kind == "finite" and difference(y[:, cut].detach(), other[:, cut].detach()) == 0:
                raise Fault(f"y_t does not depend on x_t at step {cut}")


def _changed_suffixes(subject: Subject, cut: int) -> list[tuple[str, Input]]:
    def changed(kind: str) -> Input:
        return tree.map(
            lambda leaf: torch.cat([leaf[:, :cut], _change(leaf[:, cut:], kind, subject)], dim=1), subject.x
        )

    kinds = ("finite",) if isinstance(subject.layer.input_form, Tokens) else ("finite", "large", "NaN")
    return [(kind, changed(kind)) for kind in kinds]


def _change(suffix: Tensor, kind: str, subject: Subject) -> Tensor:
    if not suffix.is_floating_point():
        form = subject.layer.input_form
        assert isinstance(form, Tokens)
        return (suffix + 1) % form.vocabulary
    if kind == "NaN":
        return torch.full_like(suffix, float("nan"))
    return suffix + (1.0 if kind == "finite" else 1e6)


def rows_are_independent(subject: Subject) -> None:
    """Alone, in company, in any order, warm beside fresh, beside a row of NaN: a row gives the same."""
    layer, x, state = subject.layer, subject.x, subject.state
    y, final = layer(x, state)
    order = torch.tensor([3, 0, 4, 2, 1])
    demand_same_run("permuted rows", (y[order], rows(final, order)), layer(rows(x, order), rows(state, order)))
    for row in range(BATCH):
        alone = torch.tensor([row])
        demand_same_run(f"row {row} alone", (y[alone], rows(final, alone)), layer(rows(x, alone), rows(state, alone)))
    _step_rows(subject)
    if not isinstance(layer.input_form, Tokens):
        others = torch.tensor([0, 2, 3, 4])
        poisoned = tree.map(lambda leaf: leaf.index_fill(0, torch.tensor([1]), float("nan")), x)
        y_poisoned, final_poisoned = layer(poisoned, state)
        kept = (y_poisoned[others], rows(final_poisoned, others))
        demand_same_run("beside a row of NaN", (y[others], rows(final, others)), kept)


def _step_rows(subject: Subject) -> None:
    layer, state = subject.layer, subject.state
    x_t = take_step(subject.x, 0)
    y, final = layer.step(x_t, state)
    for row in range(BATCH):
        alone = torch.tensor([row])
        found = layer.step(rows(x_t, alone), rows(state, alone))
        demand_same_run(f"step of row {row} alone", (y[alone], rows(final, alone)), found)
