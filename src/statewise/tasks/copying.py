"""Copy tasks: reproduce what was shown, after it ended (NTM) or after a long silence (uRNN)."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from statewise.contract import Tokens, Vectors
from statewise.tasks.base import Batch, Metric, Scores
from statewise.tasks.generated import GeneratedTask, draw_of_split
from statewise.tasks.readout import (
    bits_scores,
    bits_sum,
    classification_scores,
    cross_entropy_sum,
    one_hot_logits,
)


class Copy(GeneratedTask):
    """Copy a sequence of random bit vectors (Graves et al. 2014, section 4.1).

    Inputs ``(B, 2 L + 2, bits + 2)``: a start mark, L vectors, an end mark, then L empty steps at which the vectors are
    asked for in order. Chance: half of the bits, L * bits bits a sequence.

    Args:
        bits: width of the vectors.
        shortest: fewest vectors in training.
        longest: most vectors in training.
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "copy"
    description = "Repeat a sequence of random bit vectors after it has ended"
    primary = Metric("accuracy", "fraction of bits", lower_is_better=False)
    bimodal = True
    solved_at = 0.99

    def __init__(self, *, bits: int = 8, shortest: int = 1, longest: int = 20, evaluation_sequences: int = 512) -> None:
        super().__init__(shortest=shortest, longest=longest, evaluation_sequences=evaluation_sequences)
        self.bits = bits
        self.input_form = Vectors(bits + 2)
        self.output_size = bits

    def generate(self, generator: torch.Generator, split: str, rows: int, length: int) -> Batch:
        def draw(number: int) -> Tensor:
            return torch.randint(2, (number, length * self.bits), generator=generator)

        shown = draw_of_split(draw, split, rows, different=2.0 ** (length * self.bits))
        vectors = shown.view(rows, length, self.bits).to(torch.get_default_dtype())
        inputs = vectors.new_zeros(rows, 2 * length + 2, self.bits + 2)
        inputs[:, 0, self.bits] = 1
        inputs[:, 1 : length + 1, : self.bits] = vectors
        inputs[:, length + 1, self.bits + 1] = 1
        asked = torch.arange(length + 2, 2 * length + 2).expand(rows, -1)
        return Batch(inputs, vectors, vectors.new_ones(rows, length), positions=asked)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return bits_sum(outputs, batch)

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        return bits_scores(outputs, batch)

    def chance(self) -> float:
        return 0.5

    def longest_context(self) -> int:
        assert self.train_lengths is not None
        return 2 * self.train_lengths[1] + 2

    def oracle(self, batch: Batch) -> Tensor:
        end = batch.inputs[0, :, self.bits + 1].argmax()
        return 100.0 * (2 * batch.inputs[:, 1:end, : self.bits] - 1)


class CopyMemory(GeneratedTask):
    """Copy ten symbols after a long silence (Hochreiter & Schmidhuber 1997; form of Arjovsky et al. 2016, section 5.1).

    Tokens ``(B, length + 20)``: ten digits 1-8, ``length - 1`` blanks 0, the mark 9, ten blanks. Asked at every step:
    blank, until the mark; then the ten digits. Chance, remembering nothing: 10 ln 8 / (length + 20) nats a step.

    Args:
        shortest: shortest silence in training.
        longest: longest silence in training.
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "copy-memory"
    description = "Repeat ten symbols after a long silence"
    primary = Metric("loss", "nats a step", lower_is_better=True)
    bimodal = True
    digits: ClassVar[int] = 8
    shown: ClassVar[int] = 10

    def __init__(self, *, shortest: int = 100, longest: int = 100, evaluation_sequences: int = 512) -> None:
        super().__init__(shortest=shortest, longest=longest, evaluation_sequences=evaluation_sequences)
        self.input_form = Tokens(self.digits + 2)
        self.output_size = self.digits + 2
        self.solved_at = 0.1 * self.chance()

    def generate(self, generator: torch.Generator, split: str, rows: int, length: int) -> Batch:
        def draw(number: int) -> Tensor:
            return torch.randint(1, self.digits + 1, (number, self.shown), generator=generator)

        digits = draw_of_split(draw, split, rows, different=float(self.digits) ** self.shown)
        blank = torch.zeros(rows, length - 1, dtype=torch.int64)
        tail = torch.zeros(rows, self.shown, dtype=torch.int64)
        mark = torch.full((rows, 1), self.digits + 1)
        inputs = torch.cat([digits, blank, mark, tail], dim=1)
        targets = torch.zeros_like(inputs)
        targets[:, -self.shown :] = digits
        return Batch(inputs, targets, torch.ones(inputs.shape))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return cross_entropy_sum(outputs, batch)

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        """``loss`` a step, and ``accuracy`` on the ten digits alone."""
        whole = classification_scores(outputs, batch)
        recalled = batch._replace(
            weights=torch.cat([batch.weights[:, self.shown :] * 0, batch.weights[:, : self.shown]], 1)
        )
        digits = classification_scores(outputs, recalled)
        return Scores(
            {"loss": whole.sums["loss"], "accuracy": digits.sums["accuracy"]},
            {"loss": whole.counts["loss"], "accuracy": digits.counts["accuracy"]},
        )

    def chance(self) -> float:
        assert self.train_lengths is not None
        steps = [self.chance_at(length) for length in range(self.train_lengths[0], self.train_lengths[1] + 1)]
        return sum(steps) / len(steps)

    def chance_at(self, length: int) -> float:
        return self.shown * math.log(self.digits) / (length + 2 * self.shown)

    def longest_context(self) -> int:
        assert self.train_lengths is not None
        return self.train_lengths[1] + 2 * self.shown

    def oracle(self, batch: Batch) -> Tensor:
        answers = torch.zeros_like(batch.inputs)
        answers[:, -self.shown :] = batch.inputs[:, : self.shown]
        return one_hot_logits(answers, self.output_size)
