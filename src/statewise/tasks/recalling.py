"""Recall tasks: what went with this key, what stood a while ago."""

import math

import torch
from torch import Tensor

from statewise.contract import Tokens
from statewise.errors import UserError
from statewise.options import check_at_least
from statewise.tasks.answers import Classification, one_hot_logits
from statewise.tasks.batch import Batch
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.scores import Metric


class Recall(Classification, GeneratedTask):
    """Multi-query associative recall, MQAR (Arora et al. 2024, "Zoology", section 3).

    Tokens ``(B, length)``: ``pairs`` different keys, each followed by its value, then blanks among which every key
    comes again once; at that step its value is asked for, which the oracle looks up. With V symbols, the blank is 0,
    keys are 1 ... V/2 - 1, values V/2 ... V - 1, all equally likely. How far behind the pairs a key comes again follows
    a power law. Chance, any value: 1 / (V/2).

    Args:
        symbols: V, even.
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
        symbols: int = 64,
        pairs: int = 4,
        shortest: int = 32,
        longest: int = 32,
        power: float = 0.01,
        evaluation_sequences: int = 512,
    ) -> None:
        if pairs < 1 or symbols % 2 or symbols < 2 * pairs + 2:
            raise UserError(
                f"pairs must be at least 1 and symbols even and at least {2 * pairs + 2}, got {pairs} and {symbols}"
            )
        super().__init__(
            Tokens(symbols),
            symbols,
            shortest=shortest,
            longest=longest,
            evaluation_sequences=evaluation_sequences,
            least_length=3 * pairs,
        )
        self.symbols = symbols
        self.pairs = pairs
        self.power = power

    def different(self, length: int) -> float:
        half = self.symbols // 2
        return math.perm(half - 1, self.pairs) * half**self.pairs

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        half = self.symbols // 2
        keys = 1 + _distinct(torch.ones(half - 1), rows, self.pairs, generator)
        values = torch.randint(half, self.symbols, (rows, self.pairs), generator=generator)
        return torch.stack([keys, values], dim=2).flatten(1)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        rows = len(contents)
        gaps = torch.arange(1.0, length - 2 * self.pairs + 1) ** (self.power - 1)
        asked = 2 * self.pairs + _distinct(gaps, rows, self.pairs, generator)
        inputs = torch.zeros(rows, length, dtype=torch.int64)
        inputs[:, : 2 * self.pairs] = contents
        inputs.scatter_(1, asked, contents[:, 0::2])
        return Batch(inputs, contents[:, 1::2].contiguous(), torch.ones(rows, self.pairs), positions=asked)

    def chance(self) -> float:
        return 2 / self.symbols

    def blind(self, batch: Batch) -> Tensor:
        outputs = torch.zeros(*batch.targets.shape, self.symbols)
        outputs[..., : self.symbols // 2] = -100.0
        return outputs

    def oracle(self, batch: Batch) -> Tensor:
        assert batch.positions is not None
        queries = batch.values.gather(1, batch.positions)
        keys, values = batch.values[:, 0 : 2 * self.pairs : 2], batch.values[:, 1 : 2 * self.pairs : 2]
        place = (queries.unsqueeze(2) == keys.unsqueeze(1)).int().argmax(dim=2)
        return one_hot_logits(values.gather(1, place), self.output_size)


class DelayedRecall(Classification, GeneratedTask):
    """Say at every step which symbol stood a while ago (the delay task of Jaeger 2001, "Short term memory in ESNs").

    Tokens ``(B, length)``, each symbol equally likely; asked from step ``delay`` on: the symbol of ``delay`` steps ago,
    which the oracle looks up. Chance: 1 / symbols.

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
        check_at_least("symbols", symbols, 2)
        check_at_least("delay", delay, 0)
        super().__init__(
            Tokens(symbols),
            symbols,
            shortest=shortest,
            longest=longest,
            evaluation_sequences=evaluation_sequences,
            least_length=delay + 1,
        )
        self.symbols = symbols
        self.delay = delay

    def different(self, length: int) -> float:
        return self.symbols**length

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(self.symbols, (rows, length), generator=generator)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        asked = torch.arange(self.delay, length).expand(len(contents), -1)
        targets = contents[:, : length - self.delay].contiguous()
        return Batch(contents, targets, torch.ones(targets.shape), positions=asked)

    def chance(self) -> float:
        return 1 / self.symbols

    def longest_context(self) -> int:
        return self.delay + 1

    def oracle(self, batch: Batch) -> Tensor:
        assert batch.positions is not None
        return one_hot_logits(batch.values.gather(1, batch.positions - self.delay), self.output_size)


def _distinct(weights: Tensor, rows: int, number: int, generator: torch.Generator) -> Tensor:
    """``(rows, number)`` distinct places drawn with the given weights, without replacement (Gumbel top-k)."""
    uniform = torch.rand(rows, weights.shape[0], generator=generator).clamp_min(1e-12)
    gumbel = -torch.log(-torch.log(uniform).clamp_min(1e-12))
    return (gumbel + weights.log()).topk(number, dim=1).indices
