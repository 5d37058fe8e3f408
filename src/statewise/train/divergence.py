"""When a training has diverged, and what to try then."""

import math

from statewise.train.config import TrainConfig
from statewise.train.history import Progress

GIVE_UP_AFTER = 10
"""Updates in a row with a loss or gradient that is not finite"""
EXPLODED = 100.0
"""Mean training loss between two evaluations, as a multiple of the very first update's, or of 1 where that was less"""


def why_diverged(progress: Progress) -> str | None:
    """How the training has diverged, or ``None`` where it has not. A function of what a checkpoint keeps."""
    if progress.skipped_in_a_row >= GIVE_UP_AFTER:
        return f"loss or gradient was not finite {progress.skipped_in_a_row} updates in a row"
    if progress.first_loss is not None and progress.recent_loss > EXPLODED * max(1.0, progress.first_loss):
        return f"the training loss began at {progress.first_loss:.3g} and rose to {progress.recent_loss:.3g}"
    return None


def advice(why: str, progress: Progress, config: TrainConfig) -> str:
    """One sentence: the cause, and the settings to change."""
    clipped = f"{config.clip} at {config.clip_at:g}" if config.clip != "none" else "none"
    return (
        f"{why}, by update {progress.step}; lower learning_rate (now {config.learning_rate:g}), clip harder (now "
        f"{clipped}), or lengthen the warmup (now {config.warmup})"
    )


def is_finite(number: float) -> bool:
    """Whether a loss, norm or score is a number that says something."""
    return math.isfinite(number)
