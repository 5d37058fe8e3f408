"""Whether solvers inside a model came to their solutions, as they say themselves by their residuals."""

from dataclasses import dataclass

import torch

from statewise import probe
from statewise.contract import Model, Residual, SequenceLayer
from statewise.tasks.batch import Split
from statewise.tasks.data import TaskData
from statewise.train.evaluation import answers


@dataclass(frozen=True)
class Convergence:
    """How the solvers of a model did over a batch of a split."""

    unsolved: float
    """Share of the steps, all rows and solvers together, that were left further from the solution than the tolerance"""
    largest_residual: float
    steps: int
    mend: str
    """What the layer says to do; empty where all converged"""

    def __str__(self) -> str:
        """One sentence, for a person."""
        return (
            f"the solver did not converge at {self.unsolved:.1%} of {self.steps:,} steps looked at, largest residual "
            f"{self.largest_residual:.1g}; {self.mend}"
        )


def convergence(model: Model, data: TaskData, split: Split, *, batch_size: int) -> Convergence | None:
    """How the solvers inside a model do on a split's first batch of full length; ``None`` where it has none.

    It is run step by step, as all that is recorded.
    """
    solvers = {
        path: part.residuals
        for path, part in model.named_modules()
        if isinstance(part, SequenceLayer) and part.residuals
    }
    if not solvers:
        return None
    with probe.recording(model) as seen:
        length = data.train_lengths[1] if data.train_lengths else None
        next(answers(model, data, split, batch_size=batch_size, length=length))
    told = [
        (seen[path][known.name], known) for path, residuals in solvers.items() if path in seen for known in residuals
    ]
    return _summed([(values.detach().flatten().cpu(), known) for values, known in told])


def _summed(told: list[tuple[torch.Tensor, Residual]]) -> Convergence | None:
    """All residuals together; NaN is no solution."""
    if not told:
        return None
    missed = [~(values <= known.tolerance) for values, known in told]
    steps = sum(len(values) for values, _ in told)
    mends = [known.mend for (_, known), wrong in zip(told, missed, strict=True) if bool(wrong.any())]
    share = sum(int(wrong.sum()) for wrong in missed) / max(1, steps)
    return Convergence(share, float(torch.cat([values for values, _ in told]).max()), steps, mends[0] if mends else "")
