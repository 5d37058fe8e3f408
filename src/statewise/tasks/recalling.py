"""Recall tasks: what went with this key, what stood a while ago."""

import torch
from torch import Tensor

from statewise.contract import Tokens
from statewise.errors import UserError
from statewise.tasks.base import Batch, Metric, Scores
from statewise.tasks.generated import GeneratedTask, draw_of_split
from statewise.tasks.readout import classification_scores, cross_entropy_sum, one_hot_logits


class Recall(GeneratedTask):
    """Multi-query associative recall, MQAR (Arora et al. 2024, "Zoology", section 3).

    Tokens ``(B, length)``: ``pairs`` keys each followed by its value, then blanks among which every key comes again
    once; at that step its value is asked for. Keys are 1 ... V/2 - 1, values V/2 ... V - 1, the blank is 0. How far
    behind the pairs a key comes again follows a power law. Chance: 1 / (V/2).

    Args:
        vocabulary: V, even.
        pairs: keys to remember.
        shortest: shortest training sequence.
        longest: longest training sequence.
        power: exponent of the power law over gaps, p(gap) ~ gap^(power - 1).
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "recall"
    description = "Recall which value went with each key"
    primary = Metric("accuracy", "fraction of queries", lower_is_better=False)
    bimodal = True
    solved_at = 0.99

    def __init__(
        self,
        *,
        vocabulary: int = 64,
        pairs: int = 4,
        shortest: int = 32,
        longest: int = 32,
        power: float = 0.01,
        evaluation_sequences: int = 512,
    ) -> None:
        if vocabulary % 2 or vocabulary < 2 * pairs + 2:
            raise UserError(f"vocabulary must be even and at least {2 * pairs + 2} for {pairs} pairs, got {vocabulary}")
        self.vocabulary = vocabulary
        self.pairs = pairs
        self.power = power
        super().__init__(shortest=shortest, longest=longest, evaluation_sequences=evaluation_sequences)
        self.input_form = Tokens(vocabulary)
        self.output_size = vocabulary

    def least_length(self) -> int:
        return 3 * self.pairs

    def generate(self, generator: torch.Generator, split: str, rows: int, length: int) -> Batch:
        half = self.vocabulary // 2

        def draw(number: int) -> Tensor:
            keys = 1 + _distinct(torch.ones(half - 1), number, self.pairs, generator)
            values = torch.randint(half, self.vocabulary, (number, self.pairs), generator=generator)
            return torch.stack([keys, values], dim=2).flatten(1)

        shown = draw_of_split(draw, split, rows, different=float(half) ** self.pairs)
        gaps = torch.arange(1.0, length - 2 * self.pairs + 1) ** (self.power - 1)
        asked = 2 * self.pairs + _distinct(gaps, rows, self.pairs, generator)
        inputs = torch.zeros(rows, length, dtype=torch.int64)
        inputs[:, : 2 * self.pairs] = shown
        inputs.scatter_(1, asked, shown[:, 0::2])
        return Batch(inputs, shown[:, 1::2].contiguous(), torch.ones(rows, self.pairs), positions=asked)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return cross_entropy_sum(outputs, batch)

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        return classification_scores(outputs, batch)

    def chance(self) -> float:
        return 2 / self.vocabulary

    def oracle(self, batch: Batch) -> Tensor:
        assert batch.positions is not None
        queries = batch.inputs.gather(1, batch.positions)
        keys, values = batch.inputs[:, 0 : 2 * self.pairs : 2], batch.inputs[:, 1 : 2 * self.pairs : 2]
        place = (queries.unsqueeze(2) == keys.unsqueeze(1)).int().argmax(dim=2)
        return one_hot_logits(values.gather(1, place), self.output_size)


class DelayedRecall(GeneratedTask):
    """Say at every step which symbol stood ``delay`` steps ago; symbols are uniform. Chance: 1 / symbols.

    Args:
        symbols: how many different ones there are.
        delay: how far back the asked one stands.
        shortest: shortest training sequence.
        longest: longest training sequence.
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "delayed-recall"
    description = "Say which symbol stood a fixed number of steps ago"
    primary = Metric("accuracy", "fraction of steps", lower_is_better=False)
    bimodal = True
    solved_at = 0.99

    def __init__(
        self,
        *,
        symbols: int = 8,
        delay: int = 10,
        shortest: int = 40,
        longest: int = 40,
        evaluation_sequences: int = 512,
    ) -> None:
        if delay < 0 or symbols < 2:
            raise UserError(f"delay must be at least 0 and symbols at least 2, got {delay} and {symbols}")
        self.symbols = symbols
        self.delay = delay
        super().__init__(shortest=shortest, longest=longest, evaluation_sequences=evaluation_sequences)
        self.input_form = Tokens(symbols)
        self.output_size = symbols

    def least_length(self) -> int:
        return self.delay + 1

    def generate(self, generator: torch.Generator, split: str, rows: int, length: int) -> Batch:
        def draw(number: int) -> Tensor:
            return torch.randint(self.symbols, (number, length), generator=generator)

        inputs = draw_of_split(draw, split, rows, different=float(self.symbols) ** length)
        asked = torch.arange(self.delay, length).expand(rows, -1)
        targets = inputs[:, : length - self.delay].contiguous()
        return Batch(inputs, targets, torch.ones(targets.shape), positions=asked)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return cross_entropy_sum(outputs, batch)

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        return classification_scores(outputs, batch)

    def chance(self) -> float:
        return 1 / self.symbols

    def longest_context(self) -> int:
        return self.delay + 1

    def oracle(self, batch: Batch) -> Tensor:
        assert batch.positions is not None
        return one_hot_logits(batch.inputs.gather(1, batch.positions - self.delay), self.output_size)


def _distinct(weights: Tensor, rows: int, number: int, generator: torch.Generator) -> Tensor:
    """``(rows, number)`` distinct places drawn with the given weights, without replacement (Gumbel top-k)."""
    uniform = torch.rand(rows, weights.shape[0], generator=generator).clamp_min(1e-12)
    gumbel = -torch.log(-torch.log(uniform).clamp_min(1e-12))
    return (gumbel + weights.log()).topk(number, dim=1).indices
