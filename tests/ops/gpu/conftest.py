import pytest
import torch


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
