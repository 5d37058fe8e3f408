"""Units of information: nats, bits, perplexity. Plain numbers, no tensors."""

import math


def bits(nats: float) -> float:
    """Nats as bits: ``nats / ln 2``.

    >>> bits(math.log(8))
    3.0
    """
    return nats / math.log(2)


def perplexity(nats: float) -> float:
    """The number of equally likely tokens that would be as hard to guess: ``exp(nats)``, ``inf`` where that overflows.

    >>> round(perplexity(math.log(50)), 6)
    50.0
    """
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def bits_per_unit(nats: float, tokens: int, units: int) -> float:
    """Bits per character or byte of a text that was scored in tokens: ``nats * tokens / (units * ln 2)``.

    Cross-entropies of different tokenisers cannot be compared, the bits they need for one byte of the same text can.

    Args:
        nats: mean cross-entropy of a token.
        tokens: number of tokens that were scored.
        units: number of characters or bytes which those tokens spell.

    >>> bits_per_unit(math.log(16), tokens=100, units=400)
    1.0
    """
    if units < 1:
        raise ValueError(f"units must be at least 1, got {units}")
    return bits(nats) * tokens / units
