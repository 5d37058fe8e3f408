"""Text from a model of tokens, token by token through the model's stepper, as it comes."""

import codecs
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from statewise.contract import Model
from statewise.data.vocabulary import Vocabulary, vocabulary_from_json
from statewise.errors import UserError
from statewise.generation.sampling import Sampling

NO_PROMPT = "\n"
"""What text goes on from where nothing is said"""


def read_vocabulary(preprocessing: Mapping[str, Any], task: str) -> Vocabulary:
    """The vocabulary in the preprocessing of a task.

    Raises:
        UserError: if there is none, the task being on something else than text; ``task`` is what it is called.
    """
    if "vocabulary" not in preprocessing:
        raise UserError(f"this model, trained on {task}, holds no vocabulary to write with; use one on a text")
    return vocabulary_from_json(preprocessing["vocabulary"])


def generate(
    model: Model, vocabulary: Vocabulary, *, prompt: str = "", sampling: Sampling | None = None
) -> Iterator[str]:
    """Pieces of text that go on from ``prompt``. See ``go_on``.

    Args:
        model: of tokens, in eval mode.
        vocabulary: what the tokens stand for.
        prompt: may be longer than any context; empty = the start of a line.
        sampling: how many tokens, and how each is chosen.
    """
    return go_on(model, vocabulary, vocabulary.encode(prompt or NO_PROMPT), sampling or Sampling())


@torch.inference_mode()
def go_on(model: Model, vocabulary: Vocabulary, prompt: Tensor, sampling: Sampling) -> Iterator[str]:
    """Pieces of text that go on from the tokens ``prompt (n,)``, ``sampling.length`` tokens in all.

    A piece is yielded as soon as its characters are whole: tokens may be parts of characters. What the vocabulary does
    not hold is never generated. Tokens are drawn on the CPU, so that every device draws alike.
    """
    generator = torch.Generator().manual_seed(sampling.seed)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    outputs, state = model(prompt.to(model.device).unsqueeze(0))
    logits, stream = outputs[0, -1], model.stepper(state)
    for _ in range(sampling.length):
        token = sample(_known(logits.cpu(), vocabulary), sampling, generator)
        piece = decoder.decode(vocabulary.as_bytes(int(token)))
        if piece:
            yield piece
        logits = stream(token.view(1).to(model.device))[0]
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest


def _known(logits: Tensor, vocabulary: Vocabulary) -> Tensor:
    """The logits with no chance for what the vocabulary does not hold."""
    if vocabulary.unknown is None:
        return logits
    return logits.index_fill(0, torch.tensor(vocabulary.unknown), -math.inf)


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
