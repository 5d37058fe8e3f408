"""The data of a task: where its batches come from."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from statewise.contract import InputForm
from statewise.errors import UserError
from statewise.tasks.batch import Batch, Split


class TaskData(ABC):
    """Batches as a pure function of numbers: batch k of training depends on the task, the seed and k alone.

    So a run resumes without remembering where a sampler stood.
    """

    files: ClassVar[tuple[str, ...]] = ()
    """Options that are paths of files, which a run writes down whole, so that it can be used from any folder"""
    input_form: InputForm
    train_lengths: tuple[int, int] | None = None
    """Shortest and longest training sequence; None where sequences are endless streams."""
    least_length: int = 1
    """The shortest length that makes sense, where sequences have a length"""
    series: Sequence[str] = ()
    """Names of the several series that batches are of, to which ``Batch.series`` points; in a scoring batch every row
    is of one. Empty where there is but one"""

    @abstractmethod
    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        """Batch ``index`` of the training stream that ``seed`` names."""

    def train_batches(self, *, batch_size: int) -> int | None:
        """How many training batches go over all there is once; None where each is of data never seen before."""
        return None

    @abstractmethod
    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        """The fixed batches of a split, the same on every call.

        Args:
            split: ``valid`` chooses, ``test`` is looked at once.
            batch_size: rows a batch; a task of streams may return fewer.
            length: sequences of this length where the task has a length (see ``train_lengths``); None = as in training.
        """

    def up_to(self, length: int) -> "TaskData":
        """The same data with training sequences of at most ``length``, whose batches are pure as these are.

        Where even the shortest is above ``length``, all are as long as that. A curriculum asks for it; write it where
        sequences have lengths.

        Raises:
            UserError: if sequences have no length, or none this short.
        """
        raise UserError(f"{type(self).__name__} has no up_to(length), so its training lengths cannot be made to grow")

    def longest_context(self) -> int | None:
        """How many time steps, its own among them, a model of bounded sight is given to see at each position.

        The longest training sequence; where sequences are endless streams, the time steps of a training batch, which
        is how far back any gradient reaches, although a carried state may hold more. None where there is no bound.
        """
        return self.train_lengths[1] if self.train_lengths else None

    def splits_share(self, length: int) -> bool:
        """Whether splits may hold the same sequences of this length, there being too few different ones."""
        return False

    def preprocessing(self) -> Mapping[str, Any]:
        """What turns data into the model's numbers and back, as plain data; saved beside the weights."""
        return {}

    def fingerprint(self) -> str:
        """What the task's data hash to; part of a trial's address. Generators are their options."""
        return ""
