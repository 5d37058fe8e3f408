"""The standards of a task: what its scores are held against.

Letters: B rows, Q read-out positions.
"""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from statewise.tasks.batch import Batch


class Standards:
    """No skill at all, perfection, and what simple rules and simple models reach between them."""

    companions: ClassVar[tuple[str, ...]] = ()
    """Simple models, by name, that every comparison trains along"""

    def chance(self) -> float | None:
        """The primary score of the best answer that does not look at the input, in closed form where there is one."""
        return None

    def chance_at(self, length: int) -> float | None:
        """``chance`` for sequences of this length."""
        return self.chance()

    def blind(self, batch: Batch) -> Tensor | None:
        """``outputs (B, Q, output_size)`` that score ``chance``: the best answer that does not look at the input.

        Only shapes and positions of ``batch`` may be used. None where nobody knows it.
        """
        return None

    def oracle(self, batch: Batch) -> Tensor | None:
        """Perfect ``outputs (B, Q, output_size)`` worked out from the inputs alone; None where nobody knows them."""
        return None

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Simple rules that need no training: name -> their metrics on the test split."""
        return {}

    def baselines_of(self, series: str) -> Mapping[str, Mapping[str, float]]:
        """Those of one of the task's several ``series``."""
        return {}
