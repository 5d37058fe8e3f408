"""Tasks that compute one number from the whole sequence: the adding problem and parity."""

import torch
from torch import Tensor

from statewise.contract import Tokens, Vectors
from statewise.tasks.answers import Classification, Regression, one_hot_logits
from statewise.tasks.batch import Batch, asked_at_the_end
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.presentation import as_words
from statewise.tasks.scores import Metric


class Adding(Regression, GeneratedTask):
    """Add the two marked numbers of a long sequence (Hochreiter & Schmidhuber 1997; form of Bai et al. 2018).

    Inputs ``(B, length, 2)``: numbers uniform in [0, 1] and a mark, 1 at two places anywhere, else 0. Asked at the last
    step: the sum of the two; the oracle adds them. Chance, always saying the mean, 1: a mean squared error of
    2 var(U[0, 1]) = 1/6.

    Args:
        shortest: shortest training sequence.
        longest: longest training sequence.
        evaluation_sequences: sequences in each of the validation and test splits; at 10,000 the standard error of the
            chance level is 0.002.
    """

    name = "adding"
    description = "Add the two marked numbers of a long sequence"
    primary = Metric("mse", "squared error", lower_is_better=True)
    bimodal = True
    solved_at = 0.01

    def __init__(self, *, shortest: int = 100, longest: int = 100, evaluation_sequences: int = 1000) -> None:
        super().__init__(
            Vectors(2),
            1,
            shortest=shortest,
            longest=longest,
            evaluation_sequences=evaluation_sequences,
            least_length=2,
        )

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.rand(rows, length, generator=generator)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        marked = torch.rand(contents.shape, generator=generator).topk(2, dim=1).indices
        marks = torch.zeros_like(contents).scatter_(1, marked, 1.0)
        target = contents.gather(1, marked).sum(dim=1, keepdim=True).unsqueeze(2)
        return asked_at_the_end(torch.stack([contents, marks], dim=2), target)

    def chance(self) -> float:
        return 1 / 6

    def blind(self, batch: Batch) -> Tensor:
        return torch.ones(batch.targets.shape)

    def oracle(self, batch: Batch) -> Tensor:
        values, marks = batch.values.unbind(2)
        return (values * marks).sum(dim=1).view(-1, 1, 1)

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str]:
        values, marks = batch.values[0].unbind(1)
        shown = "marked: " + as_words(values[marks > 0])
        return shown, as_words(batch.targets[0]), as_words(outputs[0])


class Parity(Classification, GeneratedTask):
    """Say at the end of a bit string whether its number of ones is odd (Deletang et al. 2023, "Parity Check").

    Tokens ``(B, length)`` 0 or 1, each equally likely; asked at the last step: 1 for odd, 0 for even. The oracle goes
    along the string with one bit of state. Chance, parities being equally likely: 1/2.

    Args:
        shortest: shortest training sequence.
        longest: longest training sequence.
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "parity"
    description = "Say whether a bit string holds an odd number of ones"
    primary = Metric("accuracy", "fraction of strings", lower_is_better=False)
    bimodal = True
    solved_at = 0.99

    def __init__(self, *, shortest: int = 1, longest: int = 40, evaluation_sequences: int = 512) -> None:
        super().__init__(Tokens(2), 2, shortest=shortest, longest=longest, evaluation_sequences=evaluation_sequences)

    def different(self, length: int) -> float:
        return 2**length

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, (rows, length), generator=generator)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        return asked_at_the_end(contents, contents.sum(dim=1, keepdim=True) % 2)

    def chance(self) -> float:
        return 0.5

    def oracle(self, batch: Batch) -> Tensor:
        odd = torch.zeros(batch.values.shape[0], dtype=torch.int64)
        for bit in batch.values.unbind(1):
            odd = odd ^ bit
        return one_hot_logits(odd.unsqueeze(1), 2)
