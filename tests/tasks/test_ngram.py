"""Interpolated n-grams against counting in dictionaries."""

import math
from collections import Counter

import pytest
import torch

from statewise.tasks.ngram import ngram_loss


def test_ngrams_against_dictionaries():
    generator = torch.Generator().manual_seed(0)
    train, test = (torch.randint(5, (n,), generator=generator) for n in (400, 60))
    assert ngram_loss(train, test, vocabulary=5, order=3) == pytest.approx(plain_ngrams(train, test, 5, 3), rel=1e-9)


def plain_ngrams(train: torch.Tensor, test: torch.Tensor, vocabulary: int, order: int) -> float:
    seen, asked = train.tolist(), test.tolist()
    counts = [Counter(tuple(seen[i : i + n]) for i in range(len(seen) - n + 1)) for n in range(order + 1)]

    def probability(context: tuple[int, ...], token: int) -> float:
        below = probability(context[1:], token) if context else 1 / vocabulary
        n = len(context) + 1
        after = {gram: count for gram, count in counts[n].items() if gram[:-1] == context}
        total = sum(after.values())
        if total == 0:
            return below
        return max(after.get((*context, token), 0) - 0.75, 0) / total + 0.75 * len(after) / total * below

    places = range(order - 1, len(asked))
    return -sum(math.log(probability(tuple(asked[i - order + 1 : i]), asked[i])) for i in places) / len(places)
