"""Copy tasks: reproduce what was shown, after it ended (NTM) or after a long silence (uRNN)."""

import math

import torch
from torch import Tensor

from statewise.contract import Tokens, Vectors
from statewise.metrics.scores import bits_cross_entropy, bits_hit, hits
from statewise.options import check_at_least
from statewise.tasks.answers import Classification, one_hot_logits
from statewise.tasks.batch import Batch
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.scores import Metric, Scores


class Copy(GeneratedTask):
    """Copy a sequence of random bit vectors (Graves et al. 2014, section 4.1).

    Inputs ``(B, 2 L + 2, bits + 2)``: a start mark, L vectors of bits, each 0 or 1 equally likely, an end mark, then L
    empty steps at which the vectors are asked for in order; the oracle repeats what stood between the marks. The length
    is L. Scores are ``accuracy`` of single bits, ``bits_per_sequence``, the cost that the paper plots, and ``loss`` in
    nats a vector. Chance: 1/2 of the bits, a cost of ``L * bits`` bits a sequence.

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
        check_at_least("bits", bits, 1)
        super().__init__(
            Vectors(bits + 2), bits, shortest=shortest, longest=longest, evaluation_sequences=evaluation_sequences
        )
        self.bits = bits

    def different(self, length: int) -> float:
        return 2 ** (length * self.bits)

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, (rows, length * self.bits), generator=generator)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        rows = len(contents)
        vectors = contents.view(rows, length, self.bits).to(torch.get_default_dtype())
        inputs = vectors.new_zeros(rows, 2 * length + 2, self.bits + 2)
        inputs[:, 0, self.bits] = 1
        inputs[:, 1 : length + 1, : self.bits] = vectors
        inputs[:, length + 1, self.bits + 1] = 1
        asked = torch.arange(length + 2, 2 * length + 2).expand(rows, -1)
        return Batch(inputs, vectors, vectors.new_ones(rows, length), positions=asked)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return (bits_cross_entropy(outputs, batch.targets) * batch.weights).sum()

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        positions, nats = float(batch.weights.sum()), float(self.loss(outputs, batch))
        right = float((bits_hit(outputs, batch.targets) * batch.weights).sum())
        return Scores(
            {"loss": nats, "accuracy": right, "bits_per_sequence": nats / math.log(2)},
            {"loss": positions, "accuracy": positions * self.bits, "bits_per_sequence": float(len(batch.targets))},
        )

    def chance(self) -> float:
        return 0.5

    def blind(self, batch: Batch) -> Tensor:
        return torch.zeros(batch.targets.shape)

    def oracle(self, batch: Batch) -> Tensor:
        end = batch.values[0, :, self.bits + 1].argmax()
        return 100.0 * (2 * batch.values[:, 1:end, : self.bits] - 1)


class CopyMemory(Classification, GeneratedTask):
    """Copy symbols after a long silence (Hochreiter & Schmidhuber 1997; form of Arjovsky et al. 2016, section 5.1).

    Tokens ``(B, length + 2 shown)``: ``shown`` symbols out of 1 ... ``symbols``, ``length - 1`` blanks 0, a mark
    ``symbols + 1``, ``shown`` blanks. Asked at every step: blank, until after the mark; then the symbols, which the
    oracle repeats. The length is that of the silence. Scores are ``loss`` in nats a step and ``accuracy`` on the
    symbols alone. Chance, blank until after the mark and then any symbol: ``shown ln(symbols) / (length + 2 shown)``
    nats a step, 10 ln 8 / (length + 20) in the papers' sizes.

    Args:
        symbols: how many different ones there are.
        shown: how many are to be remembered.
        shortest: shortest silence in training.
        longest: longest silence in training.
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "copy-memory"
    description = "Repeat some symbols after a long silence"
    primary = Metric("loss", "nats a step", lower_is_better=True)
    bimodal = True

    def __init__(
        self,
        *,
        symbols: int = 8,
        shown: int = 10,
        shortest: int = 100,
        longest: int = 100,
        evaluation_sequences: int = 512,
    ) -> None:
        check_at_least("symbols", symbols, 2)
        check_at_least("shown", shown, 1)
        super().__init__(
            Tokens(symbols + 2),
            symbols + 2,
            shortest=shortest,
            longest=longest,
            evaluation_sequences=evaluation_sequences,
        )
        self.symbols = symbols
        self.shown = shown
        self.solved_at = 0.1 * self.chance()

    def different(self, length: int) -> float:
        return self.symbols**self.shown

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(1, self.symbols + 1, (rows, self.shown), generator=generator)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        rows = len(contents)
        blank = torch.zeros(rows, length - 1, dtype=torch.int64)
        tail = torch.zeros(rows, self.shown, dtype=torch.int64)
        mark = torch.full((rows, 1), self.symbols + 1)
        inputs = torch.cat([contents, blank, mark, tail], dim=1)
        targets = torch.zeros_like(inputs)
        targets[:, -self.shown :] = contents
        return Batch(inputs, targets, torch.ones(inputs.shape))

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        right = hits(outputs, batch.targets)[:, -self.shown :]
        return Scores(
            {"loss": float(self.loss(outputs, batch)), "accuracy": float(right.sum())},
            {"loss": float(batch.weights.sum()), "accuracy": float(right.numel())},
        )

    def chance(self) -> float:
        return self._nats_a_step(sum(self.train_lengths) / 2)

    def chance_at(self, length: int) -> float:
        return self._nats_a_step(length)

    def _nats_a_step(self, length: float) -> float:
        """Of not remembering, over sequences of that mean length."""
        return self.shown * math.log(self.symbols) / (length + 2 * self.shown)

    def blind(self, batch: Batch) -> Tensor:
        outputs = torch.full((*batch.targets.shape, self.output_size), -100.0)
        outputs[:, : -self.shown, 0] = 100.0
        outputs[:, -self.shown :, 1 : self.symbols + 1] = 100.0
        return outputs

    def oracle(self, batch: Batch) -> Tensor:
        answers = torch.zeros_like(batch.values)
        answers[:, -self.shown :] = batch.values[:, : self.shown]
        return one_hot_logits(answers, self.output_size)
