"""The rules that every task keeps, each a function that raises ``TaskBroken`` where it does not.

Letters: B rows, T time steps, Q read-out positions.
"""

import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import torch
from torch import Tensor

from statewise.errors import UserError
from statewise.tasks.batch import Batch, Split
from statewise.tasks.broken import alike, demand, demand_same, sequences
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.legal import demand_legal
from statewise.tasks.scores import add_scores
from statewise.tasks.task import Task

ROWS = 16
"""Rows of the batches that are looked at"""
TRAINED, SCORED = 24, 256
"""Most batches of training and of a split that are looked at"""
STANDARD_ERRORS = 5.0
"""How far from the stated chance level a measured one may be"""
EXACT = 1e-4
"""How far a score may be off that is no matter of chance"""


def options(task: Task) -> None:
    """The constructor takes keyword-only arguments of plain data, so that a config can hold all of them."""
    for parameter in inspect.signature(type(task)).parameters.values():
        place = f"option {parameter.name}"
        demand("options", parameter.kind is parameter.KEYWORD_ONLY, f"{place} must be a named keyword-only argument")
        demand("options", parameter.annotation is not parameter.empty, f"{place} has no type; annotate it")
        if parameter.default is not parameter.empty:
            _demand_plain("options", place, parameter.default)
    _demand_plain("options", "preprocessing()", dict(task.preprocessing()))


def form(task: Task) -> None:
    """Name, description, primary score, input form and output size are there and of their types."""
    for name in ("name", "description", "primary", "input_form", "output_size"):
        demand("form", hasattr(task, name), f"the task has no {name}")
    demand("form", task.output_size >= 1, f"output_size must be at least 1, got {task.output_size}")
    demand("form", all(isinstance(note, str) for note in task.notes), "notes must be sentences")
    context = task.longest_context()
    demand("form", context is None or context >= 1, f"longest_context() must be at least 1 or None, got {context}")


def batches(task: Task) -> None:
    """Shapes, types and ranges of inputs, targets, weights, starts and positions, in every split."""
    for index in range(3):
        demand_legal(task, task.train_batch(index, batch_size=ROWS, seed=0), f"training batch {index}")
    for split in _splits():
        found = 0
        for index, batch in enumerate(_evaluated(task, split)):
            demand_legal(task, batch, f"{split} batch {index}")
            found += int((batch.weights > 0).sum())
        demand("batches", found > 0, f"the {split} split has no position that counts")


def pure(task: Task) -> None:
    """A batch depends on its number and its seed alone, an evaluation on nothing; torch's generator is left alone."""
    before = torch.get_rng_state()
    first = task.train_batch(5, batch_size=ROWS, seed=3)
    evaluated = list(islice(task.evaluation("valid", batch_size=ROWS), 3))
    demand("pure", torch.equal(before, torch.get_rng_state()), "a batch draws from torch's global generator")
    torch.manual_seed(1)
    task.train_batch(0, batch_size=ROWS, seed=3)
    demand_same("pure", "training batch 5, made twice", first, task.train_batch(5, batch_size=ROWS, seed=3))
    again = list(islice(task.evaluation("valid", batch_size=ROWS), 3))
    for index, (one, other) in enumerate(zip(evaluated, again, strict=True)):
        demand_same("pure", f"valid batch {index}, made twice", one, other)
    torch.set_rng_state(before)
    following = task.train_batch(6, batch_size=ROWS, seed=3)
    if following.starts is None or not bool(following.starts.all()):
        demand("pure", not alike(first.inputs, following.inputs), "training batches 5 and 6 of one seed are the same")
    if first.starts is None:
        other = task.train_batch(5, batch_size=ROWS, seed=4)
        demand("pure", not alike(first.inputs, other.inputs), "training batch 5 is the same for seeds 3 and 4")


def splits(task: Task) -> None:
    """No sequence stands in two splits, unless ``splits_share`` says that there are too few different ones."""
    lengths = {"as in training": None} if task.train_lengths is None else _lengths(task)
    for place, length in lengths.items():
        seen = {split: list(_evaluated(task, split, length)) for split in _splits()}
        if any(batch.starts is not None for found in seen.values() for batch in found):
            return
        if task.train_lengths and any(task.splits_share(k) for k in ([length] if length else _training(task))):
            continue
        rows: dict[str, set[bytes]] = {split: sequences(found) for split, found in seen.items()}
        rows["train"] = sequences(task.train_batch(k, batch_size=ROWS, seed=0) for k in range(TRAINED))
        for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
            shared = len(rows[one] & rows[other])
            demand("splits", not shared, f"{shared} sequences of length {place} stand both in {one} and in {other}")


def losses(task: Task) -> None:
    """The loss is one finite number, a sum over rows, and deaf to positions without weight; scores are so too."""
    batch = task.train_batch(0, batch_size=ROWS, seed=0)
    outputs = torch.randn(*batch.weights.shape, task.output_size, generator=torch.Generator().manual_seed(0))
    learnt = task.loss(outputs.clone().requires_grad_(), batch)
    demand("losses", learnt.shape == (), f"the loss has the shape {tuple(learnt.shape)}, not ()")
    demand("losses", learnt.requires_grad, "the loss has no gradient in the outputs")
    whole = float(learnt.detach())
    demand("losses", math.isfinite(whole), f"the loss of random outputs is {whole}")
    rows = range(len(batch.weights))
    parts = sum(float(task.loss(outputs[r : r + 1], batch.rows(r, r + 1))) for r in rows)
    same = math.isclose(parts, whole, rel_tol=1e-3, abs_tol=EXACT)
    demand("losses", same, f"the losses of single rows sum to {parts:.6g}, that of the batch is {whole:.6g}")
    changed = torch.where(batch.weights.unsqueeze(2) > 0, outputs, 3 - 2 * outputs)
    for place, say in {"loss": lambda o: float(task.loss(o, batch)), "scores": lambda o: task.scores(o, batch)}.items():
        demand("losses", say(outputs) == say(changed), f"the {place} depend on outputs at positions of weight 0")


def scores(task: Task) -> None:
    """The primary score is among the scores, and the scores of parts add up to those of the whole."""
    batch = next(task.evaluation("valid", batch_size=ROWS))
    outputs = torch.randn(*batch.weights.shape, task.output_size, generator=torch.Generator().manual_seed(0))
    whole = task.scores(outputs, batch)
    name = task.primary.name
    demand("scores", name in whole.sums, f"the primary score '{name}' is not among {', '.join(whole.sums)}")
    demand("scores", whole.sums.keys() == whole.counts.keys(), "sums and counts hold different names")
    rows = range(len(batch.weights))
    parts = [task.scores(outputs[r : r + 1], batch.rows(r, r + 1)) for r in rows]
    for score, added in add_scores(parts).items():
        alone = add_scores([whole])[score]
        same = math.isclose(added, alone, rel_tol=1e-3, abs_tol=EXACT)
        demand("scores", same, f"'{score}' of a batch is {alone:.6g}, added up row by row {added:.6g}")
    for baseline, metrics in task.baselines().items():
        demand("scores", name in metrics, f"baseline '{baseline}' has no '{name}'")
    shown = task.example(outputs, batch)
    fits = shown is None or (len(shown) == 3 and all(isinstance(part, str) for part in shown))
    demand("scores", fits, f"example() must be three texts or None, got {shown!r}")


def oracle(task: Task) -> None:
    """The oracle scores perfectly without having seen the targets; every generated task has one."""
    known = task.oracle(task.train_batch(0, batch_size=ROWS, seed=0)) is not None
    demand("oracle", known or not isinstance(task, GeneratedTask), "a generated task needs an oracle()")
    if not known:
        return
    perfect = 0.0 if task.primary.lower_is_better else 1.0
    for place, length in _lengths(task).items():
        found = _scored(task, task.oracle, length)
        right = abs(found - perfect) <= EXACT
        demand("oracle", right, f"at length {place} it scores {task.primary.name} {found:.6g}, not {perfect:g}")
    demand("oracle", _is_solved(task, perfect) is not False, f"a perfect score is not solved_at {task.solved_at}")


def chance(task: Task) -> None:
    """``blind`` answers score the stated chance level, within the standard errors of the evaluated sequences."""
    stated = task.chance()
    demand("chance", stated is not None or not isinstance(task, GeneratedTask), "a generated task needs a chance()")
    if stated is None:
        return
    demand("chance", not _is_solved(task, stated), f"chance {stated:.6g} counts as solved (solved_at {task.solved_at})")
    known = task.blind(task.train_batch(0, batch_size=ROWS, seed=0)) is not None
    demand("chance", known, "a task that states chance() needs blind(), the answers that score it")
    for place, length in _lengths(task).items():
        stated = task.chance() if length is None else task.chance_at(length)
        found, error = _estimated(task, task.blind, length)
        near = stated is not None and abs(found - stated) <= STANDARD_ERRORS * error + EXACT
        demand("chance", near, f"at length {place}, blind() scores {found:.6g} +- {error:.2g}, stated is {stated}")


def lengths(task: Task) -> None:
    """Lengths that make no sense are refused with a ``UserError``: 0, below the least, any where there is no length."""
    least = task.least_length if isinstance(task, GeneratedTask) else 1
    if isinstance(task, GeneratedTask):
        _demand_least(task)
    refused = (0, least - 1) if task.train_lengths else (4,)
    for length in refused:
        try:
            next(task.evaluation("valid", batch_size=ROWS, length=length))
        except UserError:
            continue
        except Exception as error:
            said = f"raises {type(error).__name__}: {error}; raise a UserError that says what to do"
        else:
            said = "is not refused"
        demand("lengths", False, f"evaluation(length={length}) {said}")


RULES: Mapping[str, Callable[[Task], None]] = {
    "form": form,
    "options": options,
    "batches": batches,
    "pure": pure,
    "lengths": lengths,
    "losses": losses,
    "scores": scores,
    "splits": splits,
    "oracle": oracle,
    "chance": chance,
}
"""Name of each rule -> the function that tries it; from the narrow to the broad, so that the first one broken names the
fault and not a consequence of it."""


def _splits() -> tuple[Split, Split]:
    return "valid", "test"


def _training(task: Task) -> range:
    assert task.train_lengths is not None
    return range(task.train_lengths[0], task.train_lengths[1] + 1)


def _lengths(task: Task) -> dict[str, int | None]:
    """Lengths at which a task is tried: as in training, and where it has lengths the longest and twice that."""
    longest = (task.train_lengths[1], 2 * task.train_lengths[1]) if task.train_lengths else ()
    return {"as in training": None, **{str(length): length for length in longest}}


def _evaluated(task: Task, split: Split, length: int | None = None) -> Iterator[Batch]:
    return islice(task.evaluation(split, batch_size=ROWS, length=length), SCORED)


def _is_solved(task: Task, score: float) -> bool | None:
    if task.solved_at is None:
        return None
    return score <= task.solved_at if task.primary.lower_is_better else score >= task.solved_at


Answer = Callable[[Batch], Tensor | None]


def _answered(task: Task, answer: Answer, length: int | None) -> Iterator[tuple[Tensor, Batch]]:
    """What is answered to both splits without having seen the targets."""
    for split in _splits():
        for batch in _evaluated(task, split, length):
            outputs = answer(batch._replace(targets=torch.zeros_like(batch.targets)))
            assert outputs is not None
            yield outputs, batch


def _scored(task: Task, answer: Answer, length: int | None) -> float:
    """The primary score of answers."""
    return add_scores([task.scores(*said) for said in _answered(task, answer, length)])[task.primary.name]


def _estimated(task: Task, answer: Answer, length: int | None) -> tuple[float, float]:
    """The primary score of answers, and its standard error over sequences.

    The score is a ratio of sums over sequences, r = s / c; its standard error is sqrt(sum (s_i - r c_i)^2) / c.
    """
    name = task.primary.name
    found = [
        task.scores(outputs[row : row + 1], batch.rows(row, row + 1))
        for outputs, batch in _answered(task, answer, length)
        for row in range(len(batch.weights))
    ]
    parts = torch.tensor([(one.sums[name], one.counts[name]) for one in found], dtype=torch.float64)
    sums, counts = parts.unbind(1)
    ratio = sums.sum() / counts.sum()
    return float(ratio), float((sums - ratio * counts).square().sum().sqrt() / counts.sum())


def _demand_least(task: GeneratedTask) -> None:
    """The least length makes sequences as any other does."""
    place = f"evaluation(length={task.least_length})"
    try:
        shortest = next(task.evaluation("valid", batch_size=ROWS, length=task.least_length))
    except Exception as error:
        said = f"{place} raises {type(error).__name__}: {error}; hand the shortest that makes sense on as least_length"
        demand("lengths", False, said)
    else:
        demand_legal(task, shortest, place)


def _demand_plain(rule: str, place: str, value: object) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        demand(rule, False, f"{place} is not plain data (text, numbers, lists, dictionaries): {value!r}")
