"""Tasks that say something wrong of themselves."""

import torch

from .echo import Echo, Faults


class Positional(Echo):
    def __init__(self, symbols: int = 5):
        super().__init__(symbols=symbols)


class Swallowing(Echo):
    def __init__(self, **options: int):
        super().__init__(**options)


class NotPlain(Echo):
    def __init__(self, *, scale: torch.Tensor = torch.ones(2)):  # noqa: B008
        super().__init__()


class Untyped(Echo):
    def __init__(self, *, symbols=5):
        super().__init__(symbols=symbols)


class Nameless(Echo):
    @property
    def primary(self):
        raise AttributeError


class HalfShown(Echo):
    def example(self, outputs, batch):
        return super().example(outputs, batch)[:2]


FAULTS: Faults = {
    "no primary": ("form", Nameless, "no primary"),
    "a positional option": ("options", Positional, "symbols must be a named"),
    "options swallowed": ("options", Swallowing, "options must be a named"),
    "an option that no file can hold": ("options", NotPlain, "scale is not plain data"),
    "an option of no type": ("options", Untyped, "symbols has no type"),
    "an example of two texts": ("example", HalfShown, "must be three texts"),
}  # fmt: skip
