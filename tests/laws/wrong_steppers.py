"""Steppers that are wrong on purpose."""

from typing import Any

from torch import Tensor

from statewise.contract import PlainStepper

from .wrong_fast_paths import RightConvolution


class BeginsAnew(RightConvolution):
    """A stream that starts empty, whatever it is given."""

    def stepper(self, state: Tensor) -> PlainStepper:
        return PlainStepper(self, self.initial_state(len(state)))


class OverwritesWhatItWasGiven(RightConvolution):
    """In place, on a buffer that is not its own."""

    def stepper(self, state: Tensor) -> PlainStepper:
        return _InPlace(self, state)


class _InPlace(PlainStepper):
    def __call__(self, x: Any) -> Tensor:
        y, after = self._layer.step(x, self._state)
        self._state.copy_(after)
        return y.detach()
