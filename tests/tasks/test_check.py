"""Every task keeps the rules, and the rules bite: tasks with one fault each, noticed by the rule that names it."""

from collections.abc import Callable

import pytest
import torch

from statewise.contract import Tokens
from statewise.errors import UserError
from statewise.tasks import RULES, TaskBroken, check
from statewise.tasks.answers import Classification, Regression, one_hot_logits
from statewise.tasks.batch import Batch
from statewise.tasks.computing import Adding, Parity
from statewise.tasks.copying import Copy, CopyMemory
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.recalling import DelayedRecall, Recall
from statewise.tasks.resolve import TASKS, make_task
from statewise.tasks.scores import Metric, Scores
from statewise.tasks.task import Task


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = [f"2024-01-{day:02d},{day % 7 + 0.1 * day},{day}" for day in range(1, 32)]
    path = tmp_path_factory.mktemp("series") / "load.csv"
    path.write_text("\n".join(["day,load,heat", *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_of_the_registry_keeps_the_rules(name: str, series: str):
    options = {"forecast": {"source": series, "chunk": 4}, "language": {"most_scored": 5000}}
    check(make_task(name, options.get(name, {})))


@pytest.mark.parametrize(
    "task",
    [
        Copy(bits=3, shortest=2, longest=5),
        CopyMemory(symbols=3, shown=4, shortest=1, longest=60),
        Recall(symbols=12, pairs=2, shortest=6, longest=20),
        DelayedRecall(symbols=3, delay=0, shortest=1, longest=9),
        Adding(shortest=2, longest=5),
        Parity(shortest=1, longest=1),
    ],
    ids=lambda task: task.name,
)
def test_other_sizes_keep_the_rules(task: GeneratedTask):
    check(task)


class Echo(Classification, GeneratedTask):
    """Say the symbol that stands there: a task without fault, to plant faults in."""

    name = "echo"
    description = "Say the symbol that stands there"
    primary = Metric("accuracy", "fraction of steps", lower_is_better=False)
    solved_at = 0.99

    def __init__(self, *, symbols: int = 5, evaluation_sequences: int = 64):
        super().__init__(Tokens(symbols), symbols, shortest=20, longest=24, evaluation_sequences=evaluation_sequences)
        self.symbols = symbols

    def different(self, length):
        return self.symbols**length

    def draw(self, rows, length, generator):
        return torch.randint(self.symbols, (rows, length), generator=generator)

    def lay_out(self, contents, length, generator):
        return Batch(contents, contents, torch.ones(contents.shape))

    def chance(self):
        return 1 / self.symbols

    def oracle(self, batch):
        return one_hot_logits(batch.inputs, self.symbols)


def test_the_task_that_faults_are_planted_in_has_none():
    check(Echo())


def replaced(**changes: Callable[[torch.Tensor], torch.Tensor | None]) -> type[Echo]:
    """An Echo whose batches have some fields changed."""

    class Changed(Echo):
        def lay_out(self, contents, length, generator):
            batch = super().lay_out(contents, length, generator)
            return batch._replace(**{name: change(batch.inputs) for name, change in changes.items()})

    return Changed


class Impure(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return super().train_batch(torch.randint(100, ()).item(), batch_size=batch_size, seed=seed)


class Counting(Echo):
    calls = 0

    def train_batch(self, index, *, batch_size, seed):
        self.calls += 1
        return super().train_batch(self.calls, batch_size=batch_size, seed=seed)


class Stuck(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return super().train_batch(0, batch_size=batch_size, seed=seed)


class DeafToSeed(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return super().train_batch(index, batch_size=batch_size, seed=0)


class Leaking(Echo):
    def evaluation(self, split, *, batch_size, length=None):
        return super().evaluation("valid", batch_size=batch_size, length=length)


class TrainsOnTest(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return [*self.evaluation("test", batch_size=batch_size)][(index + seed) % 4]


class WrongChance(Echo):
    def chance(self):
        return 1 / (self.symbols + 1)


class NoChance(Echo):
    def chance(self):
        return None


class EasilySolved(Echo):
    solved_at = 0.1


class Peeking(Echo):
    def oracle(self, batch):
        return one_hot_logits(batch.targets, self.symbols)


class Late(Echo):
    def oracle(self, batch):
        return super().oracle(batch).roll(1, 1)


class NoOracle(Echo):
    def oracle(self, batch):
        return None


class MeanLoss(Echo):
    def loss(self, outputs, batch):
        return super().loss(outputs, batch) / batch.weights.sum()


class RowLosses(Echo):
    def loss(self, outputs, batch):
        return outputs.sum(dim=(1, 2))


class Detached(Echo):
    def loss(self, outputs, batch):
        return super().loss(outputs.detach(), batch)


class Weightless(Echo):
    def lay_out(self, contents, length, generator):
        batch = super().lay_out(contents, length, generator)
        weights = batch.weights.clone()
        weights[:, 0] = 0
        return batch._replace(weights=weights)

    def loss(self, outputs, batch):
        return super().loss(outputs, batch._replace(weights=torch.ones_like(batch.weights)))


class OtherPrimary(Echo):
    primary = Metric("acc", "fraction of steps", lower_is_better=False)


class Averaging(Echo):
    def scores(self, outputs, batch):
        found = super().scores(outputs, batch)
        return Scores(found.sums, dict.fromkeys(found.counts, float(len(batch.weights) ** 2)))


class AnyLength(Echo):
    def evaluation(self, split, *, batch_size, length=None):
        return super().evaluation(split, batch_size=batch_size, length=None if length is None else max(20, length))


class Crashing(Echo):
    def evaluation(self, split, *, batch_size, length=None):
        if length is not None and length < 1:
            raise RuntimeError("selected index k out of range")
        return super().evaluation(split, batch_size=batch_size, length=length)


class NoneSoShort(Echo):
    def lay_out(self, contents, length, generator):
        batch = super().lay_out(contents, length, generator)
        batch.inputs[:, 2]
        return batch


class Positional(Echo):
    def __init__(self, symbols: int = 5):
        super().__init__(symbols=symbols)


class Swallowing(Echo):
    def __init__(self, **options: int):
        super().__init__(**options)


class NotPlain(Echo):
    def __init__(self, *, scale: torch.Tensor = torch.ones(2)):  # noqa: B008
        super().__init__()


class Untyped(Echo):
    def __init__(self, *, symbols=5):
        super().__init__(symbols=symbols)


class Foreign(Echo):
    def __init__(self):
        super().__init__()
        self.input_form = Tokens(4)


class Nameless(Echo):
    @property
    def primary(self):
        raise AttributeError


def without_targets_that_count(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(x.shape)


FAULTS: dict[str, tuple[str, type[Echo] | Callable[[], Task], str]] = {
    "global random numbers": ("pure", Impure, "global generator"),
    "a hidden counter": ("pure", Counting, "made twice"),
    "one batch for ever": ("pure", Stuck, "batches 5 and 6"),
    "deaf to the seed": ("pure", DeafToSeed, "seeds 3 and 4"),
    "test is validation": ("splits", Leaking, "both in valid and in test"),
    "test is trained on": ("splits", TrainsOnTest, "both in train and in"),
    "chance of one symbol more": ("chance", WrongChance, "stated is 0.16"),
    "no chance": ("chance", NoChance, "needs a chance"),
    "chance solves it": ("chance", EasilySolved, "counts as solved"),
    "an oracle that reads the answers": ("oracle", Peeking, "not 1"),
    "an oracle a step late": ("oracle", Late, "not 1"),
    "no oracle": ("oracle", NoOracle, "needs an oracle"),
    "a mean for a sum": ("losses", MeanLoss, "single rows sum to"),
    "a loss a row": ("losses", RowLosses, "shape (16,)"),
    "a loss without gradient": ("losses", Detached, "no gradient"),
    "a loss deaf to weights": ("losses", Weightless, "weight 0"),
    "a primary score that is not there": ("scores", OtherPrimary, "'acc' is not among"),
    "scores that do not add up": ("scores", Averaging, "added up row by row"),
    "length 0": ("lengths", AnyLength, "length=0) is not refused"),
    "a traceback for length 0": ("lengths", Crashing, "raises RuntimeError"),
    "no least length said": ("lengths", NoneSoShort, "as least_length"),
    "a positional option": ("options", Positional, "symbols must be a named"),
    "options swallowed": ("options", Swallowing, "options must be a named"),
    "an option that no file can hold": ("options", NotPlain, "scale is not plain data"),
    "an option of no type": ("options", Untyped, "symbols has no type"),
    "no primary": ("form", Nameless, "no primary"),
    "tokens out of range": ("batches", Foreign, "[0, 4)"),
    "float tokens": ("batches", replaced(inputs=lambda x: x.float()), "int64 tokens"),
    "targets of another length": ("batches", replaced(targets=lambda x: x[:, 1:]), "targets must begin"),
    "weights of another shape": ("batches", replaced(weights=lambda x: torch.ones(len(x))), "weights must be"),
    "weights that are not 0 or 1": ("batches", replaced(weights=lambda x: torch.full(x.shape, 0.5)), "0 or 1"),
    "nothing counts": ("batches", replaced(weights=lambda x: torch.zeros(x.shape)), "no position that counts"),
    "positions past the end": ("batches", replaced(positions=lambda x: torch.full_like(x, x.shape[1])), "positions"),
    "starts that are no rows": ("batches", replaced(starts=lambda x: torch.ones(2).bool()), "starts must be"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed_by_the_rule_that_names_it(fault: str):
    rule, make, place = FAULTS[fault]
    with pytest.raises(TaskBroken) as broken:
        check(make())
    assert broken.value.rule == rule, broken.value
    assert place in str(broken.value)


def test_every_rule_has_a_fault():
    assert {rule for rule, _, _ in FAULTS.values()} == set(RULES)


def test_a_small_space_is_said_and_not_held_against_the_task():
    task = Parity(shortest=3, longest=14)
    assert task.notes == (
        "at lengths 3 to 11 there are so few different sequences that training, validation and test share them",
    )
    assert Parity(shortest=12, longest=20).notes == ()
    assert "at length 1 " in Copy(bits=8, shortest=1, longest=20).notes[0]
    check(task)


@pytest.mark.parametrize(
    "task",
    [
        Copy(longest=300),
        CopyMemory(shown=400),
        Recall(symbols=2000, pairs=300, shortest=900, longest=900),
        DelayedRecall(longest=2000),
        Parity(longest=2000),
    ],
    ids=lambda task: task.name,
)
def test_there_may_be_more_different_sequences_than_a_float_counts(task: GeneratedTask):
    longest = task.train_lengths[1]
    assert task.different(longest) > 2**1024
    assert not task.splits_share(longest)
    assert len(task.notes) <= 1


@pytest.mark.parametrize(("task", "steps"), [(Copy(longest=7), 16), (CopyMemory(longest=100), 120), (Parity(), 40)])
def test_a_window_spans_all_steps_of_the_longest_sequence_whatever_its_length_counts(task: GeneratedTask, steps: int):
    assert task.longest_context() == steps


@pytest.mark.parametrize(
    ("task", "least"),
    [(Copy(), 1), (CopyMemory(), 1), (Recall(pairs=3), 9), (DelayedRecall(delay=4), 5), (Adding(), 2), (Parity(), 1)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_length_below_the_least_is_refused_with_a_sentence(task: GeneratedTask, least: int):
    next(task.evaluation("valid", batch_size=2, length=least))
    with pytest.raises(UserError, match=f"length of at least {least}, got {least - 1}"):
        next(task.evaluation("valid", batch_size=2, length=least - 1))
    with pytest.raises(UserError, match=rf"needs {least} <= shortest"):
        type(task)(**{**options_of(task), "shortest": least - 1, "longest": least})


def options_of(task: GeneratedTask) -> dict[str, int]:
    return {name: getattr(task, name) for name in ("pairs", "delay") if hasattr(task, name)}


def test_a_regression_is_scored_by_the_mean_square_over_its_numbers():
    batch = Batch(torch.zeros(1, 2, 1), torch.tensor([[[1.0, 3.0], [9.0, 9.0]]]), torch.tensor([[1.0, 0.0]]))
    assert Regression().scores(torch.zeros(1, 2, 2), batch) == ({"mse": 5.0}, {"mse": 1.0})
