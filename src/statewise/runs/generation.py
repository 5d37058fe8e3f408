"""Text from a language model, token by token through ``step``, as it comes."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from statewise.contract import Model
from statewise.data.vocabulary import UNKNOWN, Vocabulary
from statewise.errors import UserError


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float = 0.8
    """Logits are divided by it; 0 = always the likeliest"""
    top_k: int = 0
    """Only the k likeliest tokens; 0 = all"""
    top_p: float = 1.0
    """Only the likeliest tokens that together have at least this probability (Holtzman et al. 2020)"""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise UserError("temperature and top_k must not be negative, and top_p must lie in (0, 1]")


def generate(model: Model, vocabulary: Vocabulary, *, prompt: str, length: int, sampling: Sampling) -> Iterator[str]:
    """Pieces of text that go on from ``prompt``, ``length`` tokens in all."""
    generator = torch.Generator().manual_seed(sampling.seed)
    tokens = vocabulary.encode(prompt or "\n")
    held: list[int] = []
    with torch.inference_mode():
        outputs, state = model(tokens.unsqueeze(0))
        logits = outputs[:, -1]
        for _ in range(length):
            token = sample(logits[0], sampling, generator)
            held.append(int(token))
            text = vocabulary.decode(held)
            if not text.endswith(UNKNOWN) or len(held) > 4:
                yield text
                held = []
            logits, state = model.step(token.view(1), state)
    if held:
        yield vocabulary.decode(held)


def sample(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """One token number from ``logits (V,)``.

    >>> sample(torch.tensor([0.0, 5.0]), Sampling(temperature=0), torch.Generator())
    tensor(1)
    """
    if sampling.temperature == 0:
        return logits.argmax()
    logits = logits / sampling.temperature
    if sampling.top_k:
        least = logits.topk(min(sampling.top_k, len(logits))).values[-1]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if sampling.top_p < 1:
        ordered = logits.sort(descending=True)
        before = ordered.values.softmax(0).cumsum(0) - ordered.values.softmax(0)
        logits = logits.index_fill(0, ordered.indices[before >= sampling.top_p], float("-inf"))
    return torch.multinomial(logits.softmax(0), 1, generator=generator)[0]
