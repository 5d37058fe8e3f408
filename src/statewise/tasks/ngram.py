"""Interpolated n-grams: what counting alone achieves on a text."""

import math

import numpy as np
from torch import Tensor


def ngram_loss(train: Tensor, test: Tensor, *, vocabulary: int, order: int) -> float:
    """Nats a token of an n-gram model of ``order`` with absolute discounting, backed off to lower orders.

    p_n(w | h) = max(c(h w) - d, 0) / c(h) + d u(h) / c(h) p_{n-1}(w | h'), u(h) = different words seen after h,
    d = 0.75, and p_0 uniform (Ney, Essen & Kneser 1994; interpolated form of Chen & Goodman 1999, section 2.7).

    Args:
        train: tokens ``(n,)`` that are counted.
        test: tokens ``(m,)`` that are predicted; the first ``order - 1`` are only looked back at.
        vocabulary: how many different tokens there are.
        order: longest n-gram.
    """
    seen, asked = train.numpy(), test.numpy()
    probability = np.full(len(asked) - order + 1, 1.0 / vocabulary)
    for n in range(1, order + 1):
        probability = _refine(probability, _grams(seen, n, vocabulary), _grams(asked[order - n :], n, vocabulary))
    return float(-np.log(probability).mean()) if len(probability) else math.nan


def _refine(below: np.ndarray, seen: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Probabilities of one order from those of the order below."""
    discount = 0.75
    grams, first, counts = np.unique(_one_key(seen), return_index=True, return_counts=True)
    contexts, number = np.unique(seen[first, 0], return_inverse=True)
    context_counts = np.bincount(number.ravel(), weights=counts)
    context_kinds = np.bincount(number.ravel())
    context = _lookup(contexts, asked[:, 0])
    gram = _lookup(grams, _one_key(asked))
    known = context >= 0
    total = np.where(known, context_counts[context], 1.0)
    count = np.where(gram >= 0, counts[gram], 0.0)
    refined = np.maximum(count - discount, 0) / total + discount * context_kinds[context] / total * below
    return np.where(known, refined, below)


def _grams(tokens: np.ndarray, order: int, vocabulary: int) -> np.ndarray:
    """Every n-gram as (number of its context, last token); contexts are numbered by a 64-bit hash."""
    length = len(tokens) - order + 1
    context = np.zeros(length, dtype=np.uint64)
    for place in range(order - 1):
        token = tokens[place : place + length].astype(np.uint64) + np.uint64(1)
        context = (context ^ token) * np.uint64(0x9E3779B97F4A7C15)
        context = context ^ (context >> np.uint64(29))
    last = tokens[order - 1 : order - 1 + length].astype(np.uint64)
    return np.stack([context, last], axis=1)


def _lookup(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Index of each asked value in the sorted ``known``, -1 where it is missing."""
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[place] == asked, place, -1)


def _one_key(pairs: np.ndarray) -> np.ndarray:
    """A 64-bit hash of (context, token)."""
    mixed = (pairs[:, 0] ^ (pairs[:, 1] + np.uint64(1))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(31))
