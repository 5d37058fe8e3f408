"""Tasks whose sequences are generated: seeded, vectorised, and never the same sequence in two splits."""

from abc import abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from statewise.errors import UserError
from statewise.tasks.base import Batch, Split, Task
from statewise.tasks.readout import as_words

SPLITS = {"train": (0, 1, 2, 3, 4, 5), "valid": (6,), "test": (7,)}
"""Which of the 8 buckets a content may hash to belong to each split"""

SMALL_SPACE = 2**12
"""Where there are fewer different contents than this, sharing them out would leave splits without any"""


MOST_LENGTHS = 32
"""How many lengths an evaluation spreads over, evenly, where training has more"""


class GeneratedTask(Task):
    """A task made of independent sequences, one length a batch.

    Args:
        shortest: length of the shortest training sequence, in the task's own count of length.
        longest: length of the longest training sequence.
        evaluation_sequences: how many sequences the validation and the test split have at each length.
    """

    def __init__(self, *, shortest: int, longest: int, evaluation_sequences: int) -> None:
        if not self.least_length() <= shortest <= longest:
            raise UserError(
                f"task {self.name} needs {self.least_length()} <= shortest <= longest, got {shortest} and {longest}"
            )
        if evaluation_sequences < 1:
            raise UserError("evaluation_sequences must be at least 1")
        self.train_lengths = (shortest, longest)
        self.evaluation_sequences = evaluation_sequences

    def least_length(self) -> int:
        """The shortest length that makes sense."""
        return 1

    @abstractmethod
    def generate(self, generator: torch.Generator, split: str, rows: int, length: int) -> Batch:
        """``rows`` sequences of one length, drawn from ``generator`` alone, belonging to ``split``."""

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        generator = seeded(seed, "train", index)
        return self.generate(generator, "train", batch_size, self._draw_length(generator))

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        for this_length, rows in self._evaluated_lengths(length):
            whole = self.generate(seeded(0, split, this_length), split, rows, this_length)
            for start in range(0, rows, batch_size):
                yield whole.rows(start, start + batch_size)

    def _evaluated_lengths(self, length: int | None) -> Iterator[tuple[int, int]]:
        """Lengths and how many sequences of each: the training lengths in equal shares, whatever the batch size."""
        assert self.train_lengths is not None
        shortest, longest = self.train_lengths if length is None else (length, length)
        different = min(longest - shortest + 1, MOST_LENGTHS, self.evaluation_sequences)
        share, over = divmod(self.evaluation_sequences, different)
        for index in range(different):
            place = shortest + round(index * (longest - shortest) / max(different - 1, 1))
            yield place, share + (index < over)

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str]:
        said = outputs[0].argmax(dim=1) if not batch.targets.is_floating_point() else outputs[0]
        return as_words(batch.inputs[0]), as_words(batch.targets[0]), as_words(said)

    def _draw_length(self, generator: torch.Generator) -> int:
        assert self.train_lengths is not None
        shortest, longest = self.train_lengths
        return int(torch.randint(shortest, longest + 1, (), generator=generator))


def seeded(seed: int, split: str, index: int) -> torch.Generator:
    """The generator of one batch; different for every seed, split and index."""
    place = list(SPLITS).index(split)
    mixed = (seed * 6364136223846793005 + index * 1442695040888963407 + place * 2862933555777941757 + 1) % 2**63
    return torch.Generator().manual_seed(mixed ^ (mixed >> 29))


def draw_of_split(draw: Callable[[int], Tensor], split: str, rows: int, *, different: float) -> Tensor:
    """Contents ``(rows, K)`` int64 that belong to ``split``: a content's hash says to which split it belongs.

    Args:
        draw: makes that many random contents.
        split: ``train``, ``valid`` or ``test``.
        rows: how many are wanted.
        different: how many different contents there are; below 4,096 the splits share them.
    """
    contents = draw(rows)
    if different < SMALL_SPACE:
        return contents
    while True:
        strangers = ~_belongs(contents, split)
        missing = int(strangers.sum())
        if missing == 0:
            return contents
        contents = contents.clone()
        contents[strangers] = draw(missing)


def _belongs(contents: Tensor, split: str) -> Tensor:
    """Which rows hash into a bucket of ``split``."""
    mixed = torch.zeros(contents.shape[0], dtype=torch.int64)
    for column in contents.unbind(1):
        mixed = (mixed ^ (column + 1)) * 0x5851F42D4C957F2D
        mixed = mixed ^ (mixed >> 32)
    return torch.isin(mixed % 8, torch.tensor(SPLITS[split]))
