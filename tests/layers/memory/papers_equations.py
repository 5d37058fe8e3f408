"""The Neural Turing Machine of Graves, Wayne & Danihelka 2014, written in numpy from its numbered equations.

One row at a time, loops over slots; nothing is smoothed or clamped.
"""

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(x))


def content_weighting(memory: np.ndarray, key: np.ndarray, strength: float) -> np.ndarray:
    """Eq. 5 and 6."""
    similarity = np.array([key @ slot / (np.linalg.norm(key) * np.linalg.norm(slot)) for slot in memory])
    powers = np.exp(strength * similarity)
    return powers / powers.sum()


def interpolation(content: np.ndarray, before: np.ndarray, gate: float) -> np.ndarray:
    """Eq. 7."""
    return gate * content + (1 - gate) * before


def circular_convolution(gated: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Eq. 8, with the shifts -S to S as indices modulo N."""
    slots, reach = len(gated), len(shift) // 2
    s = np.zeros(slots)
    for j in range(-reach, reach + 1):
        s[j % slots] += shift[j + reach]
    return np.array([sum(gated[j] * s[(i - j) % slots] for j in range(slots)) for i in range(slots)])


def sharpening(weights: np.ndarray, gamma: float) -> np.ndarray:
    """Eq. 9."""
    return weights**gamma / (weights**gamma).sum()


def weighting(memory: np.ndarray, before: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Figure 2, from what a head says: key, strength, gate, shift, sharpening, each squashed into its range."""
    width = memory.shape[1]
    key, strength, gate, shift, gamma = np.split(said, [width, width + 1, width + 2, len(said) - 1])
    content = content_weighting(memory, np.tanh(key), softplus(strength)[0])
    gated = interpolation(content, before, sigmoid(gate)[0])
    shifted = circular_convolution(gated, np.exp(shift) / np.exp(shift).sum())
    return sharpening(shifted, 1 + softplus(gamma)[0])


def erased_and_added(memory: np.ndarray, writes: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Eq. 3 for every head, then eq. 4 for every head: (weights, erase, add) each."""
    memory = memory.copy()
    for weights, erase, _ in writes:
        for i in range(len(memory)):
            memory[i] = memory[i] * (1 - weights[i] * erase)
    for weights, _, add in writes:
        for i in range(len(memory)):
            memory[i] = memory[i] + weights[i] * add
    return memory


def read(memory: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Eq. 2."""
    return sum(weights[i] * memory[i] for i in range(len(memory)))
