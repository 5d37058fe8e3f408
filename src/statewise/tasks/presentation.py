"""The presentation of a task: what a person is told of it. Letters: B rows, Q read-out positions."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor

from statewise.tasks.batch import Batch

Verb = Literal["evaluate", "generate", "forecast"]


class Presentation:
    """Names, sentences and an example for a person to read, and what a finished run is for."""

    name: ClassVar[str]
    description: ClassVar[str]
    """One sentence for a person: what comes in, what is asked."""
    verb: ClassVar[Verb] = "evaluate"
    """What a finished run of it is for, the command that a person is told to type next. ``generate``: inputs are
    tokens, outputs logits of the next one, and ``preprocessing`` says the ``vocabulary``"""

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know before believing scores: what was guessed about the data, what splits share."""
        return ()

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str] | None:
        """The first row for a person to read: what came in, what was asked, what the model said; None shows none.

        ``outputs (B, Q, output_size)`` are what the model says to ``batch``.
        """
        return None


def as_words(values: Tensor) -> str:
    """A short row of numbers for a person to read."""
    shown = " ".join(f"{value:g}" for value in values.flatten().tolist()[:40])
    return shown + (" ..." if values.numel() > 40 else "")
