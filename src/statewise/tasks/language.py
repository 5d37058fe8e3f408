"""Language modelling on any UTF-8 text."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from statewise.contract import Tokens
from statewise.data.files import fingerprint
from statewise.data.streams import Window, scoring_windows, training_window
from statewise.data.text import EMBEDDED, read_text, split_text
from statewise.data.vocabulary import TokenKind, fit_vocabulary
from statewise.errors import UserError, counted
from statewise.options import check_at_least
from statewise.tasks.answers import Classification
from statewise.tasks.batch import Batch, Split
from statewise.tasks.ngram import ngram_loss
from statewise.tasks.scores import Metric
from statewise.tasks.task import Task


class Language(Classification, Task):
    """Predict the next token of a text at every step, the state carried over the whole of it.

    Tokens ``(B, chunk)`` of B stretches of the text side by side, each batch going on where the one before ended; the
    target at every step is the next token. Scores are ``loss`` in nats a token and ``accuracy``. Models of bounded
    sight see ``chunk`` tokens back, as far as gradients reach; a recurrent state may hold more. Chance, any of V
    tokens: ln V. Nobody knows an oracle; interpolated n-grams (Chen & Goodman 1999) are scored beside every model, and
    a perceptron on a fixed window (Bengio et al. 2003) is trained along.

    Args:
        source: path of a UTF-8 text, or ``embedded`` for the Python language reference.
        tokens: ``characters``, ``bytes``, ``words`` or ``bpe``; learnt from the training part alone.
        chunk: time steps a training batch, which is how far gradients reach back.
        valid: fraction of the text that validates, after the training part.
        test: fraction of the text that tests, at its end.
        most_scored: at most this many tokens of a split are scored, from its start; 0 = all.

    Raises:
        UserError: if the text cannot be read or is shorter than one chunk.
    """

    name = "language"
    description = "Predict the next token of a text"
    primary = Metric("loss", "nats a token", lower_is_better=True)
    margin = 0.01
    verb = "generate"
    files = ("source",)
    companions = ("window-mlp",)
    orders = (2, 3, 5)
    """Orders of the n-gram baselines"""

    def __init__(
        self,
        *,
        source: str = EMBEDDED,
        tokens: TokenKind = "characters",
        chunk: int = 64,
        valid: float = 0.1,
        test: float = 0.1,
        most_scored: int = 0,
    ) -> None:
        check_at_least("chunk", chunk, 1)
        check_at_least("most_scored", most_scored, 0)
        _check_shares(valid, test)
        text = read_text(source)
        parts = split_text(text, valid=valid, test=test)
        self.source = source
        self.content = fingerprint(text)
        self.chunk = chunk
        self.vocabulary = fit_vocabulary(tokens, parts[0])
        train_part, valid_part, test_part = (self.vocabulary.encode(part) for part in parts)
        self.parts = {"train": train_part, "valid": valid_part, "test": test_part}
        _check_length(self.parts, chunk, min(valid, test, 1 - valid - test), source)
        if most_scored:
            self.parts |= {"valid": valid_part[: most_scored + 1], "test": test_part[: most_scored + 1]}
        self._notes = _about_tokens(tokens, self.vocabulary.size, self.parts)
        self.input_form = Tokens(self.vocabulary.size)
        self.output_size = self.vocabulary.size

    @property
    def notes(self) -> Sequence[str]:
        return self._notes

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        tokens = self.parts["train"]
        rows = min(batch_size, (len(tokens) - 1) // self.chunk)
        window = training_window(index, total=len(tokens) - 1, rows=rows, length=self.chunk, seed=seed)
        return self._batch(tokens, window)

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        if length is not None:
            raise UserError("a language model is scored over its whole text; it has no lengths")
        tokens = self.parts[split]
        rows = max(1, min(batch_size, (len(tokens) - 1) // (4 * self.chunk)))
        for window in scoring_windows(total=len(tokens) - 1, rows=rows, length=4 * self.chunk):
            yield self._batch(tokens, window)

    def chance(self) -> float:
        return math.log(self.vocabulary.size)

    def longest_context(self) -> int:
        return self.chunk

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        train, test = self.parts["train"], self.parts["test"]
        return {
            f"interpolated {order}-grams": {
                "loss": ngram_loss(train, test, vocabulary=self.vocabulary.size, order=order)
            }
            for order in self.orders
        }

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str]:
        shown = slice(0, 80)
        rows = (batch.values[0, shown], batch.targets[0, shown], outputs[0, shown].argmax(dim=1))
        prompt, target, said = (self.vocabulary.decode(row.tolist()) for row in rows)
        return prompt, target, said

    def preprocessing(self) -> Mapping[str, Any]:
        return {"vocabulary": self.vocabulary.to_json()}

    def fingerprint(self) -> str:
        return self.content

    def _batch(self, tokens: Tensor, window: Window) -> Batch:
        inputs, targets = tokens[window.places], tokens[window.places + 1]
        return Batch(inputs, targets, torch.ones(targets.shape), starts=window.begins)


def _check_shares(valid: float, test: float) -> None:
    if not (0 < valid < 1 and 0 < test < 1 and valid + test < 1):
        raise UserError(f"valid and test must be fractions that leave some text to train on, got {valid} and {test}")


def _about_tokens(kind: TokenKind, size: int, parts: Mapping[str, Tensor]) -> tuple[str, str]:
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in parts.items())
    return (
        f"tokens: {kind}, {size} kinds (--task-options tokens=characters, bytes, words or bpe)",
        f"tokens by part: {sizes} (--task-options valid=... test=... to cut otherwise)",
    )


def _check_length(parts: Mapping[str, Tensor], chunk: int, smallest_share: float, source: str) -> None:
    """Every part must hold a chunk and the token after it."""
    if min(map(len, parts.values())) < chunk + 1:
        needed = math.ceil((chunk + 2) / smallest_share)
        there = counted(sum(map(len, parts.values())), "token")
        raise UserError(
            f"{source} is too short: it has {there}, and to cut it into three "
            f"parts with chunks of {chunk} takes about {needed:,}; give a longer text, or a smaller chunk with "
            "--task-options chunk=N"
        )
