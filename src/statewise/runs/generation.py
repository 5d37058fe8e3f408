"""Text from a language model, token by token through ``step``, as it comes."""

import codecs
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from statewise.contract import Model
from statewise.data.vocabulary import Vocabulary, vocabulary_from_json
from statewise.errors import UserError
from statewise.runs.folder import LoadedRun
from statewise.runs.sampling import Sampling

NO_PROMPT = "\n"
"""What text goes on from where nothing is said"""


def read_vocabulary(run: LoadedRun) -> Vocabulary:
    """The vocabulary of a run that was trained on a text.

    Raises:
        UserError: if it was trained on something else.
    """
    if "vocabulary" not in run.preprocessing:
        raise UserError(f"this run, on {run.config.task}, holds no vocabulary to write with; use one on a text")
    return vocabulary_from_json(run.preprocessing["vocabulary"])


@torch.inference_mode()
def generate(
    model: Model, vocabulary: Vocabulary, *, prompt: str = "", sampling: Sampling | None = None
) -> Iterator[str]:
    """Pieces of text that go on from ``prompt``, ``sampling.length`` tokens in all.

    A piece is yielded as soon as its characters are whole: tokens may be parts of characters. What the vocabulary does
    not hold is never generated.

    Args:
        model: of tokens, in eval mode.
        vocabulary: what the tokens stand for.
        prompt: may be longer than any context; empty = the start of a line.
        sampling: how each is chosen.
    """
    sampling = sampling or Sampling()
    generator = torch.Generator().manual_seed(sampling.seed)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    outputs, state = model(vocabulary.encode(prompt or NO_PROMPT).unsqueeze(0))
    logits = outputs[0, -1]
    for _ in range(sampling.length):
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
