"""Tasks whose batches are wrong."""

from collections.abc import Callable

import torch

from statewise.contract import Input, Timed, Tokens

from .echo import Echo, Faults


def replaced(**changes: Callable[[torch.Tensor], Input | None]) -> type[Echo]:
    """An Echo whose batches have some fields changed."""

    class Changed(Echo):
        def lay_out(self, contents, length, generator):
            batch = super().lay_out(contents, length, generator)
            return batch._replace(**{name: change(batch.inputs) for name, change in changes.items()})

    return Changed


class Impure(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return super().train_batch(torch.randint(100, ()).item(), batch_size=batch_size, seed=seed)


class Counting(Echo):
    calls = 0

    def train_batch(self, index, *, batch_size, seed):
        self.calls += 1
        return super().train_batch(self.calls, batch_size=batch_size, seed=seed)


class Stuck(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return super().train_batch(0, batch_size=batch_size, seed=seed)


class DeafToSeed(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return super().train_batch(index, batch_size=batch_size, seed=0)


class Leaking(Echo):
    def evaluation(self, split, *, batch_size, length=None):
        return super().evaluation("valid", batch_size=batch_size, length=length)


class TrainsOnTest(Echo):
    def train_batch(self, index, *, batch_size, seed):
        return [*self.evaluation("test", batch_size=batch_size)][(index + seed) % 4]


class AnyLength(Echo):
    def evaluation(self, split, *, batch_size, length=None):
        return super().evaluation(split, batch_size=batch_size, length=None if length is None else max(20, length))


class Crashing(Echo):
    def evaluation(self, split, *, batch_size, length=None):
        if length is not None and length < 1:
            raise RuntimeError("selected index k out of range")
        return super().evaluation(split, batch_size=batch_size, length=length)


class NoneSoShort(Echo):
    def lay_out(self, contents, length, generator):
        batch = super().lay_out(contents, length, generator)
        batch.inputs[:, 2]
        return batch


class Foreign(Echo):
    def __init__(self):
        super().__init__()
        self.input_form = Tokens(4)


FAULTS: Faults = {
    "global random numbers": ("pure", Impure, "global generator"),
    "a hidden counter": ("pure", Counting, "made twice"),
    "one batch for ever": ("pure", Stuck, "batches 5 and 6"),
    "deaf to the seed": ("pure", DeafToSeed, "seeds 3 and 4"),
    "test is validation": ("splits", Leaking, "both in valid and in test"),
    "test is trained on": ("splits", TrainsOnTest, "both in train and in"),
    "length 0": ("lengths", AnyLength, "length=0) is not refused"),
    "a traceback for length 0": ("lengths", Crashing, "raises RuntimeError"),
    "no least length said": ("lengths", NoneSoShort, "as least_length"),
    "tokens out of range": ("batches", Foreign, "[0, 4)"),
    "float tokens": ("batches", replaced(inputs=lambda x: x.float()), "int64 tokens"),
    "time that goes back": ("batches", replaced(inputs=lambda x: Timed(x, -torch.ones(x.shape))), "elapsed must be"),
    "one time a row": ("batches", replaced(inputs=lambda x: Timed(x, torch.ones(len(x)))), "elapsed must be"),
    "targets of another length": ("batches", replaced(targets=lambda x: x[:, 1:]), "targets must begin"),
    "weights of another shape": ("batches", replaced(weights=lambda x: torch.ones(len(x))), "weights must be"),
    "weights that are not 0 or 1": ("batches", replaced(weights=lambda x: torch.full(x.shape, 0.5)), "0 or 1"),
    "nothing counts": ("batches", replaced(weights=lambda x: torch.zeros(x.shape)), "no position that counts"),
    "positions past the end": ("batches", replaced(positions=lambda x: torch.full_like(x, x.shape[1])), "positions"),
    "starts that are no rows": ("batches", replaced(starts=lambda x: torch.ones(2).bool()), "starts must be"),
    "resets that are no steps": ("batches", replaced(resets=lambda x: torch.ones(len(x)).bool()), "resets must be"),
    "series of rows alone": ("batches", replaced(series=lambda x: torch.zeros(len(x)).long()), "series must be"),
    "series that have no name": ("batches", replaced(series=lambda x: torch.zeros(x.shape).long()), "lie in [0, 0)"),
}  # fmt: skip
