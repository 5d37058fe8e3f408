"""How text is drawn from a model, as plain data."""

import math
from dataclasses import dataclass

from statewise.errors import UserError


@dataclass(frozen=True)
class Sampling:
    """How much text is drawn, and how each token is chosen."""

    length: int = 500
    """Tokens; a token is a character, byte, word or piece as in the training"""
    temperature: float = 0.8
    """Logits are divided by it; 0 = always the likeliest"""
    top_k: int = 0
    """Only the k likeliest tokens; 0 = all"""
    top_p: float = 1.0
    """Only the fewest likeliest tokens that together have at least this probability (Holtzman et al. 2020)"""
    seed: int = 0
    """The same seed gives the same text"""

    def __post_init__(self) -> None:
        if self.length < 0:
            raise UserError(f"length must not be negative, got {self.length}")
        if not 0 <= self.temperature < math.inf:
            raise UserError(f"temperature must be 0 or a positive number, got {self.temperature}")
        if self.top_k < 0:
            raise UserError(f"top_k must not be negative, got {self.top_k}; 0 keeps all tokens")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p must be above 0 and at most 1, got {self.top_p}")
