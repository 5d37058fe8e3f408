"""A task without fault, to plant faults in."""

from collections.abc import Callable, Mapping

import torch

from statewise.contract import Tokens
from statewise.tasks import Batch, Classification, GeneratedTask, Metric, Task, one_hot_logits

Faults = Mapping[str, tuple[str, Callable[[], Task], str]]
"""What is wrong -> the rule that names it, a task made so, and part of what the rule says"""


class Echo(Classification, GeneratedTask):
    """Say the symbol that stands there: a task without fault."""

    name = "echo"
    description = "Say the symbol that stands there"
    primary = Metric("accuracy", "fraction of steps", lower_is_better=False)
    solved_at = 0.99

    def __init__(self, *, symbols: int = 5, evaluation_sequences: int = 64):
        super().__init__(Tokens(symbols), symbols, shortest=20, longest=24, evaluation_sequences=evaluation_sequences)
        self.symbols = symbols

    def different(self, length):
        return self.symbols**length

    def draw(self, rows, length, generator):
        return torch.randint(self.symbols, (rows, length), generator=generator)

    def lay_out(self, contents, length, generator):
        return Batch(contents, contents, torch.ones(contents.shape))

    def chance(self):
        return 1 / self.symbols

    def oracle(self, batch):
        return one_hot_logits(batch.inputs, self.symbols)
