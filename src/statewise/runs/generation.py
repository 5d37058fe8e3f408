"""Text from a language model, token by token through ``step``, as it comes."""

import codecs
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from statewise.contract import Model
from statewise.data.vocabulary import Vocabulary
from statewise.errors import UserError

NO_PROMPT = "\n"
"""What text goes on from where nothing is said"""


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: the logits are divided by the temperature, then cut to k tokens, then to mass p."""

    temperature: float = 0.8
    """Logits are divided by it; 0 = always the likeliest"""
    top_k: int = 0
    """Only the k likeliest tokens; 0 = all"""
    top_p: float = 1.0
    """Only the fewest likeliest tokens that together have at least this probability (Holtzman et al. 2020)"""
    seed: int = 0
    """The same seed gives the same text"""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise UserError(f"temperature must be 0 or a positive number, got {self.temperature}")
        if self.top_k < 0:
            raise UserError(f"top_k must not be negative, got {self.top_k}; 0 keeps all tokens")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p must be above 0 and at most 1, got {self.top_p}")


def generate(
    model: Model, vocabulary: Vocabulary, *, prompt: str = "", length: int = 500, sampling: Sampling | None = None
) -> Iterator[str]:
    """Pieces of text that go on from ``prompt``, ``length`` tokens in all.

    A piece is yielded as soon as its characters are whole: tokens may be parts of characters. What the vocabulary does
    not hold is never generated.

    Args:
        model: of tokens, in eval mode.
        vocabulary: what the tokens stand for.
        prompt: may be longer than any context; empty = the start of a line.
        length: tokens.
        sampling: how each is chosen.

    Raises:
        UserError: if ``length`` is negative.
    """
    if length < 0:
        raise UserError(f"length must not be negative, got {length}")
    return _pieces(model, vocabulary, vocabulary.encode(prompt or NO_PROMPT), length, sampling or Sampling())


@torch.inference_mode()
def _pieces(model: Model, vocabulary: Vocabulary, prompt: Tensor, length: int, sampling: Sampling) -> Iterator[str]:
    generator = torch.Generator().manual_seed(sampling.seed)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    outputs, state = model(prompt.unsqueeze(0))
    logits = outputs[0, -1]
    for _ in range(length):
        if vocabulary.unknown is not None:
            logits[vocabulary.unknown] = -math.inf
        token = sample(logits, sampling, generator)
        piece = decoder.decode(vocabulary.as_bytes(int(token)))
        if piece:
            yield piece
        outputs, state = model.step(token.view(1), state)
        logits = outputs[0]
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest


def sample(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """One token number from ``logits (V,)``.

    >>> sample(torch.tensor([0.0, 5.0]), Sampling(temperature=0), torch.Generator())
    tensor(1)
    """
    if sampling.temperature == 0:
        return logits.argmax()
    return torch.multinomial(probabilities(logits, sampling), 1, generator=generator)[0]


def probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """What the next token is drawn from ``(V,)``, for a temperature above 0; equals are kept by their number.

    >>> probabilities(torch.tensor([0.5, 0.3, 0.2]).log(), Sampling(temperature=1, top_k=2))
    tensor([0.6250, 0.3750, 0.0000])
    """
    logits = (logits.double() - logits.max()) / sampling.temperature
    ordered, order = logits.sort(descending=True, stable=True)
    if sampling.top_k:
        ordered = ordered.masked_fill(torch.arange(len(ordered)) >= sampling.top_k, -math.inf)
    chances = ordered.softmax(0)
    chances = chances.masked_fill(chances.cumsum(0) - chances >= sampling.top_p, 0.0)
    chances = chances / chances.sum()
    return torch.zeros_like(chances).index_copy(0, order, chances).to(torch.get_default_dtype())
