"""Tasks whose sequences are generated: seeded, vectorised, and never the same sequence in two splits."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from statewise.contract import InputForm
from statewise.errors import UserError
from statewise.tasks.base import Batch, Split, Task

BUCKETS = 8
SPLITS = {"train": (0, 1, 2, 3, 4, 5), "valid": (6,), "test": (7,)}
"""Into which of the buckets a content may hash to belong to each split"""

SMALL_SPACE = 2**12
"""Where there are fewer different contents than this, sharing them out would leave splits without any"""

MOST_DRAWS = 100
"""Draws after which contents of a split are given up; four are usual"""

MOST_LENGTHS = 32
"""How many lengths an evaluation spreads over, evenly, where training has more"""


class GeneratedTask(Task):
    """A task made of independent sequences, one length a batch.

    A length is the task's own count: what ``generate`` makes of it, the symbols to be copied, say, or the blanks
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

    def __init__(
        self,
        *,
        input_form: InputForm,
        output_size: int,
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
        if evaluation_sequences < 1:
            raise UserError(f"evaluation_sequences must be at least 1, got {evaluation_sequences}")
        self.input_form = input_form
        self.output_size = output_size
        self.train_lengths = (shortest, longest)
        self.evaluation_sequences = evaluation_sequences
        self.least_length = least_length

    @abstractmethod
    def generate(self, generator: torch.Generator, split: str, rows: int, length: int) -> Batch:
        """``rows`` sequences of one length, drawn from ``generator`` alone, belonging to ``split``.

        Splits are kept apart by drawing what is random through ``draw_of_split``; real numbers need not, as no two
        draws of them are alike.
        """

    def different(self, length: int) -> float:
        """How many different contents a sequence of this length may have; infinity where no two draws are alike.

        Best counted in whole numbers, which have no largest.
        """
        return math.inf

    def longest_context(self) -> int:
        assert self.train_lengths is not None
        return self.generate(seeded(0, "train", 0), "train", 1, self.train_lengths[1]).shape[1]

    def splits_share(self, length: int) -> bool:
        return self.different(length) < SMALL_SPACE

    @property
    def notes(self) -> Sequence[str]:
        assert self.train_lengths is not None
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
        assert self.train_lengths is not None
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
        draw: makes that many random contents; it is asked for more than are kept.
        split: ``train``, ``valid`` or ``test``.
        rows: how many are wanted.
        different: how many different contents there are (``GeneratedTask.different``); below 4,096 splits share them.

    Raises:
        RuntimeError: if hardly any content belongs to the split, there being fewer than ``different`` says.
    """
    if different < SMALL_SPACE:
        return draw(rows)
    kept = [draw(0)]
    missing = rows
    for _ in range(MOST_DRAWS):
        if missing == 0:
            return torch.cat(kept)
        contents = draw(BUCKETS * missing // len(SPLITS[split]) + BUCKETS)
        kept.append(contents[_belongs(contents, split)][:missing])
        missing -= len(kept[-1])
    raise RuntimeError(
        f"{MOST_DRAWS} draws held no {rows} contents of the {split} split; say with different() how few there are"
    )


def _belongs(contents: Tensor, split: str) -> Tensor:
    """Which rows of ``contents (n, K)`` hash into a bucket of ``split``: by a sum with odd factors mod 2^64, mixed."""
    factors = _mix(torch.arange(1, contents.shape[1] + 1) * 0x5851F42D4C957F2D) | 1
    mixed = _mix(((contents + 1) * factors).sum(dim=1))
    return torch.isin(mixed % BUCKETS, torch.tensor(SPLITS[split]))


def _mix(numbers: Tensor) -> Tensor:
    """Every bit of an int64 made to depend on every other (Stafford's mixer of splitmix64)."""
    numbers = (numbers ^ (numbers >> 30)) * -0x40A7B892E31B1A47
    numbers = (numbers ^ (numbers >> 27)) * -0x6B2FB644ECCEEE15
    return numbers ^ (numbers >> 31)


def as_words(values: Tensor) -> str:
    """A short row of numbers for a person to read."""
    shown = " ".join(f"{value:g}" for value in values.flatten().tolist()[:40])
    return shown + (" ..." if values.numel() > 40 else "")
