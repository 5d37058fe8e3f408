from collections.abc import Iterator

import pytest
import torch

from statewise.ops.gpu import capture, chained_steps, chip, dense_steps

GRAPHS = (
    dense_steps.forward_steps, dense_steps.backward_steps, chained_steps.forward_steps, chained_steps.backward_steps,
)  # fmt: skip


@pytest.fixture
def _poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that nobody has written yet holds NaN."""

    def poisoning(allocate):
        def allocated(*args, **options):
            room = allocate(*args, **options)
            return room.fill_(float("nan")) if room.is_floating_point() or room.is_complex() else room

        return allocated

    for owner, name in ((torch, "empty"), (torch, "empty_like"), (torch.Tensor, "new_empty")):
        monkeypatch.setattr(owner, name, poisoning(getattr(owner, name)))


@pytest.fixture
def _short_graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two steps each, and none that was captured for others."""
    monkeypatch.setattr(capture, "STEPS", 2)
    for steps in GRAPHS:
        steps.cache_clear()
    yield
    for steps in GRAPHS:
        steps.cache_clear()


@pytest.fixture(params=[2**30, 0], ids=["on_chip", "in_tiles"])
def _room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that the threads of a program share: matrices stay there, or come from the cache in tiles."""
    monkeypatch.setattr(chip, "room", lambda device: request.param)
