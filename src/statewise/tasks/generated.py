"""Tasks whose sequences are generated: seeded, vectorised, and never the same sequence in two splits."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy

import torch
from torch import Tensor

from statewise.contract import InputForm
from statewise.errors import UserError
from statewise.options import check_at_least
from statewise.tasks.batch import Batch, Split
from statewise.tasks.presentation import as_words
from statewise.tasks.splitting import SMALL_SPACE, draw_of_split, seeded
from statewise.tasks.task import Task

MOST_LENGTHS = 32
"""How many lengths an evaluation spreads over, evenly, where training has more"""


class GeneratedTask(Task):
    """A task made of independent sequences, one length a batch: ``draw`` says what is random, ``lay_out`` the rest.

    A length is the task's own count: what ``lay_out`` makes of it, the symbols to be copied, say, or the blanks
    between, and not always the time steps of the inputs.

    Args:
        input_form: what goes in.
        output_size: what comes out at each read-out position.
        shortest: length of the shortest training sequence.
        longest: length of the longest training sequence.
        evaluation_sequences: how many sequences the validation and the test split have.
        least_length: the shortest length that makes sense.

    Raises:
        UserError: if the lengths do not fit or there is nothing to evaluate.
    """

    train_lengths: tuple[int, int]

    def __init__(
        self,
        input_form: InputForm,
        output_size: int,
        *,
        shortest: int,
        longest: int,
        evaluation_sequences: int,
        least_length: int = 1,
    ) -> None:
        if not least_length <= shortest <= longest:
            raise UserError(
                f"task {self.name} needs {least_length} <= shortest <= longest, got {shortest} and {longest}; give "
                "others (--task-options shortest=N longest=N)"
            )
        check_at_least("evaluation_sequences", evaluation_sequences, 1)
        self.input_form = input_form
        self.output_size = output_size
        self.train_lengths = (shortest, longest)
        self.evaluation_sequences = evaluation_sequences
        self.least_length = least_length

    @abstractmethod
    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        """``rows`` random contents of sequences of one length, one along axis 0: ``(rows, K)`` int64, or real numbers.

        Drawn from ``generator`` alone. Splits are kept apart by them: equal contents stand in the same split.
        """

    @abstractmethod
    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        """The sequences of one length that hold these contents, and what is asked of them.

        What else is random, and does not tell sequences apart, is drawn from ``generator``.
        """

    def different(self, length: int) -> float:
        """How many different contents a sequence of this length may have; infinity where no two draws are alike.

        Best counted in whole numbers, which have no largest.
        """
        return math.inf

    def generate(self, generator: torch.Generator, split: str, rows: int, length: int) -> Batch:
        """``rows`` sequences of one length, drawn from ``generator`` alone, belonging to ``split``."""
        contents = draw_of_split(
            lambda number: self.draw(number, length, generator), split, rows, different=self.different(length)
        )
        return self.lay_out(contents, length, generator)

    def up_to(self, length: int) -> "GeneratedTask":
        check_at_least(f"the length of sequences of task {self.name}", length, self.least_length)
        shortest, longest = self.train_lengths
        shorter = copy(self)
        shorter.train_lengths = (min(shortest, length), min(longest, length))
        return shorter

    def longest_context(self) -> int:
        return self.generate(seeded(0, "train", 0), "train", 1, self.train_lengths[1]).shape[1]

    def splits_share(self, length: int) -> bool:
        return self.different(length) < SMALL_SPACE

    @property
    def notes(self) -> Sequence[str]:
        shortest, longest = self.train_lengths
        shared = [length for length in range(shortest, longest + 1) if self.splits_share(length)]
        if not shared:
            return ()
        which = f"length {shared[0]}" if len(shared) == 1 else f"lengths {shared[0]} to {shared[-1]}"
        return (f"at {which} there are so few different sequences that training, validation and test share them",)

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        generator = seeded(seed, "train", index)
        return self.generate(generator, "train", batch_size, self._draw_length(generator))

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        if length is not None and length < self.least_length:
            raise UserError(
                f"sequences of task {self.name} have a length of at least {self.least_length}, got {length}"
            )
        for this_length, rows in self._evaluated_lengths(length):
            whole = self.generate(seeded(0, split, this_length), split, rows, this_length)
            for start in range(0, rows, batch_size):
                yield whole.rows(start, start + batch_size)

    def _evaluated_lengths(self, length: int | None) -> Iterator[tuple[int, int]]:
        """Lengths and how many sequences of each: the training lengths in equal shares, whatever the batch size."""
        shortest, longest = self.train_lengths if length is None else (length, length)
        different = min(longest - shortest + 1, MOST_LENGTHS, self.evaluation_sequences)
        share, over = divmod(self.evaluation_sequences, different)
        for index in range(different):
            place = shortest + round(index * (longest - shortest) / max(different - 1, 1))
            yield place, share + (index < over)

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str]:
        said = outputs[0].argmax(dim=1) if not batch.targets.is_floating_point() else outputs[0]
        return as_words(batch.values[0]), as_words(batch.targets[0]), as_words(said)

    def _draw_length(self, generator: torch.Generator) -> int:
        shortest, longest = self.train_lengths
        return int(torch.randint(shortest, longest + 1, (), generator=generator))
