"""Rules of the data of a task: batches are legal, pure and kept apart, lengths that make no sense are refused."""

from itertools import islice

import torch

from statewise.errors import UserError
from statewise.tasks.data import TaskData
from statewise.tasks.rules.broken import alike, demand, demand_same, sequences
from statewise.tasks.rules.legal import demand_legal
from statewise.tasks.rules.tried import EVALUATED, ROWS, evaluated, lengths_tried, trained


def batches(data: TaskData) -> None:
    """Shapes, types and ranges of inputs, targets, weights, starts and positions, in every split."""
    for index, batch in enumerate(islice(trained(data), 3)):
        demand_legal(data, batch, f"training batch {index}")
    for split in EVALUATED:
        found = 0
        for index, batch in enumerate(evaluated(data, split)):
            demand_legal(data, batch, f"{split} batch {index}")
            found += int((batch.weights > 0).sum())
        demand("batches", found > 0, f"the {split} split has no position that counts")


def pure(data: TaskData) -> None:
    """A batch depends on its number and its seed alone, an evaluation on nothing; torch's generator is left alone."""
    before = torch.get_rng_state()
    first = data.train_batch(5, batch_size=ROWS, seed=3)
    valid = list(islice(data.evaluation("valid", batch_size=ROWS), 3))
    demand("pure", torch.equal(before, torch.get_rng_state()), "a batch draws from torch's global generator")
    torch.manual_seed(1)
    data.train_batch(0, batch_size=ROWS, seed=3)
    demand_same("pure", "training batch 5, made twice", first, data.train_batch(5, batch_size=ROWS, seed=3))
    again = list(islice(data.evaluation("valid", batch_size=ROWS), 3))
    for index, (one, other) in enumerate(zip(valid, again, strict=True)):
        demand_same("pure", f"valid batch {index}, made twice", one, other)
    torch.set_rng_state(before)
    following = data.train_batch(6, batch_size=ROWS, seed=3)
    if following.starts is None or not bool(following.starts.all()):
        demand("pure", not alike(first.inputs, following.inputs), "training batches 5 and 6 of one seed are the same")
    if first.starts is None:
        other = data.train_batch(5, batch_size=ROWS, seed=4)
        demand("pure", not alike(first.inputs, other.inputs), "training batch 5 is the same for seeds 3 and 4")


def splits(data: TaskData) -> None:
    """No sequence stands in two splits, unless ``splits_share`` says that there are too few different ones."""
    for place, length in lengths_tried(data).items():
        seen = {split: list(evaluated(data, split, length)) for split in EVALUATED}
        if any(batch.starts is not None for found in seen.values() for batch in found):
            return
        if _shared(data, length):
            continue
        rows: dict[str, set[bytes]] = {split: sequences(found) for split, found in seen.items()}
        rows["train"] = sequences(trained(data))
        for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
            shared = len(rows[one] & rows[other])
            demand("splits", not shared, f"{shared} sequences of length {place} stand both in {one} and in {other}")


def _shared(data: TaskData, length: int | None) -> bool:
    """Whether the task says that splits share sequences of this length, or of a training length where it is None."""
    if data.train_lengths is None:
        return False
    shortest, longest = data.train_lengths if length is None else (length, length)
    return any(data.splits_share(one) for one in range(shortest, longest + 1))


def lengths(data: TaskData) -> None:
    """Lengths that make no sense are refused with a ``UserError``: 0, below the least, any where there is no length."""
    if data.train_lengths:
        _demand_least(data)
    for length in (0, data.least_length - 1) if data.train_lengths else (4,):
        try:
            next(data.evaluation("valid", batch_size=ROWS, length=length))
        except UserError:
            continue
        except Exception as error:
            said = f"raises {type(error).__name__}: {error}; raise a UserError that says what to do"
        else:
            said = "is not refused"
        demand("lengths", False, f"evaluation(length={length}) {said}")


def _demand_least(data: TaskData) -> None:
    """The least length makes sequences as any other does."""
    place = f"evaluation(length={data.least_length})"
    try:
        shortest = next(data.evaluation("valid", batch_size=ROWS, length=data.least_length))
    except Exception as error:
        said = f"{place} raises {type(error).__name__}: {error}; say the shortest that makes sense as least_length"
        demand("lengths", False, said)
    else:
        demand_legal(data, shortest, place)
