"""Tasks small enough to work out by hand, and what tests of training do with them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from statewise.contract import Model, Vectors
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.batch import Batch, Split
from statewise.tasks.scores import Metric, Scores
from statewise.tasks.task import Task
from statewise.train.loop import Trainer


class Rows(Task):
    """Sequences that are there from the start, taken in order; each counts only up to a length of its own."""

    name = "rows"
    description = "Squared error on fixed random sequences"
    primary = Metric("error", "units", lower_is_better=True)
    solvable = True

    def __init__(self, *, rows: int = 48, steps: int = 7, scores: Sequence[float] = ()) -> None:
        generator = torch.Generator().manual_seed(5)
        self.inputs = torch.randn(rows, steps, 3, generator=generator)
        self.targets = torch.randn(rows, steps, 2, generator=generator)
        lengths = torch.randint(0, steps + 1, (rows, 1), generator=generator)
        self.weights = (torch.arange(steps) < lengths).to(self.inputs.dtype)
        self.input_form, self.output_size = Vectors(3), 2
        self.scripted = list(scores)

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        rows = torch.arange(index * batch_size, (index + 1) * batch_size) % len(self.inputs)
        return Batch(self.inputs[rows], self.targets[rows], self.weights[rows])

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        yield Batch(self.inputs[:4], self.targets[:4], self.weights[:4])

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return ((outputs - batch.targets).square().sum(dim=2) * batch.weights).sum()

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        error = self.scripted.pop(0) if self.scripted else float(self.loss(outputs, batch))
        return Scores({"error": error}, {"error": 1.0})


class Streams(Rows):
    """Contiguous chunks of endless streams, row r beginning anew at the chunks that ``begins`` names for it.

    Inside of chunks rows begin anew at the ``resets``, each a row and a step counted from the first chunk on.
    """

    name = "streams"

    def __init__(
        self, *, chunk: int = 4, begins: Sequence[tuple[int, int]] = (), resets: Sequence[tuple[int, int]] = ()
    ) -> None:
        super().__init__(rows=3, steps=40)
        self.weights = torch.ones_like(self.weights)
        self.chunk = chunk
        self.begins = begins
        self.resets = torch.zeros(3, 40, dtype=torch.bool)
        for row, step in resets:
            self.resets[row, step] = True

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        here = slice(index * self.chunk, (index + 1) * self.chunk)
        starts = torch.tensor([index == 0 or (row, index) in self.begins for row in range(3)])
        resets = self.resets[:, here] if bool(self.resets[:, here].any()) else None
        return Batch(self.inputs[:, here], self.targets[:, here], self.weights[:, here], starts, resets=resets)


class Poisoned(Streams):
    """Endless streams with chunks whose loss is not finite, and chunks with a finite loss whose gradient is not."""

    SPIKE = 7.0

    def __init__(self, *, losses: Sequence[int] = (), gradients: Sequence[int] = ()) -> None:
        super().__init__()
        self.losses, self.gradients = losses, gradients

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        batch = super().train_batch(index % 10, batch_size=batch_size, seed=seed)
        targets = batch.targets.clone()
        if index in self.losses:
            targets[1, 2] = float("nan")
        if index in self.gradients:
            targets[1, 2] = self.SPIKE
        return batch._replace(targets=targets, starts=torch.tensor([index == 0] * 3))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        spiked = outputs[batch.targets == self.SPIKE]
        return super().loss(outputs, batch) + (spiked - spiked.detach()).abs().sqrt().sum()


def small_model(layer: str = "lstm", **fields: object) -> Model:
    """A model of width 4 with reproducible weights."""
    torch.manual_seed(1)
    return build(ModelConfig(layer=layer, **{"width": 4, "depth": 1, **fields}), Vectors(3), 2)  # type: ignore[arg-type]


def keep_gradients(trainer: Trainer) -> list[list[Tensor]]:
    """From now on updates leave the weights alone and add their gradients here instead."""
    kept: list[list[Tensor]] = []

    def keep() -> None:
        kept.append([torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in trainer.parameters])

    trainer.optimizer.step = keep  # type: ignore[method-assign, assignment]
    return kept


def weights(model: Model) -> dict[str, Tensor]:
    """A copy of them."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def gradients(model: Model, loss: Callable[[], Tensor]) -> list[Tensor]:
    """The gradients of a loss in every trained parameter; zeros where it does not depend on one."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return list(torch.autograd.grad(loss(), parameters, allow_unused=True, materialize_grads=True))


def stop_after(trainer: Trainer, updates: int) -> None:
    """Run a training until it is asked to stop, that many updates after it began."""
    done: list[int] = []
    trainer.run(on_step=lambda step, loss: done.append(step), should_stop=lambda: len(done) == updates)


def ends_the_same_wherever_it_is_stopped(make: Callable[[Path | None], Trainer], folder: Path) -> None:
    """Stopped after any number of updates and begun again in its folder, what ``make`` makes ends alike."""
    whole = make(None)
    outcome = whole.run()
    for stop in range(1, whole.config.steps):
        here = folder / str(stop)
        stop_after(make(here), stop)
        again = make(here)
        assert again.progress.step == stop
        assert again.run().progress == outcome.progress
        for name, tensor in weights(whole.model).items():
            assert torch.equal(tensor, weights(again.model)[name]), f"{name}, stopped after {stop} updates"
