"""What a token is: characters, bytes, words, or pieces learnt from the text (BPE)."""

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from statewise.errors import UserError

TokenKind = Literal["characters", "bytes", "words", "bpe"]
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for what the training text did not hold"""


def _byte_letters() -> dict[str, int]:
    """The letters that byte-level BPE writes bytes as (Radford et al. 2019): printable ones are themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(256 + place): byte for place, byte in enumerate(others)}


BYTE_OF_LETTER = _byte_letters()


class Vocabulary(ABC):
    """Text to token numbers and back."""

    kind: ClassVar[str]
    unknown: ClassVar[int | None] = None
    """Number of the token that stands for what the training text did not hold; None where nothing is foreign"""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many different tokens there are."""

    @abstractmethod
    def encode(self, text: str) -> Tensor:
        """Token numbers ``(n,)`` int64."""

    @abstractmethod
    def as_bytes(self, token: int) -> bytes:
        """The bytes that a token stands for: a part of a character, perhaps."""

    def decode(self, tokens: list[int]) -> str:
        """The text that the tokens stand for; bytes that are no UTF-8 become the replacement character."""
        return b"".join(map(self.as_bytes, tokens)).decode("utf-8", errors="replace")

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything ``from_json`` needs, with the key ``kind``."""


class Bytes(Vocabulary):
    """The 256 bytes of UTF-8: no text is foreign to it.

    >>> Bytes().decode(Bytes().encode("naïve").tolist())
    'naïve'
    """

    kind = "bytes"
    size = 256

    def encode(self, text: str) -> Tensor:
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8).long() if text else torch.zeros(0).long()

    def as_bytes(self, token: int) -> bytes:
        return bytes([token])

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}


class Symbols(Vocabulary):
    """A fixed list of symbols, the first of which stands for everything else."""

    unknown = 0

    def __init__(self, symbols: list[str]) -> None:
        self.symbols = symbols
        self.numbers: Mapping[str, int] = {symbol: number for number, symbol in enumerate(symbols)}

    @property
    def size(self) -> int:
        return len(self.symbols)

    @abstractmethod
    def cut(self, text: str) -> list[str]:
        """The text as symbols that join back to it."""

    def encode(self, text: str) -> Tensor:
        return torch.tensor([self.numbers.get(symbol, self.unknown) for symbol in self.cut(text)], dtype=torch.int64)

    def as_bytes(self, token: int) -> bytes:
        return self.symbols[token].encode()

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "symbols": self.symbols}


class Characters(Symbols):
    """The characters of the training text, and one that stands for all others.

    >>> vocabulary = Characters.fit("abba")
    >>> vocabulary.size, vocabulary.decode(vocabulary.encode("abc").tolist())
    (3, 'ab\N{REPLACEMENT CHARACTER}')
    """

    kind = "characters"

    @classmethod
    def fit(cls, text: str) -> "Characters":
        """The vocabulary of a training text."""
        return cls([UNKNOWN, *sorted(set(text) - {UNKNOWN})])

    def cut(self, text: str) -> list[str]:
        return list(text)


class Words(Symbols):
    """The commonest words, spaces kept with the word that follows, so that tokens join back to the text."""

    kind = "words"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r" ?\w+| ?[^\w\s]|\s")

    @classmethod
    def fit(cls, text: str, *, most: int = 10_000) -> "Words":
        """The ``most`` commonest words of a training text; words of equal count in alphabetical order."""
        counts = Counter(cls.pattern.findall(text))
        commonest = sorted(counts, key=lambda word: (-counts[word], word))[: most - 1]
        return cls([UNKNOWN, *commonest])

    def cut(self, text: str) -> list[str]:
        return self.pattern.findall(text)


class BPE(Vocabulary):
    """Byte-pair pieces (Sennrich et al. 2016) over bytes, learnt from the training text by ``tokenizers``."""

    kind = "bpe"

    def __init__(self, model: str) -> None:
        self.model = model
        self.tokenizer = _tokenizers().Tokenizer.from_str(model)

    @classmethod
    def fit(cls, text: str, *, most: int = 2048) -> "BPE":
        """At most ``most`` pieces of a training text."""
        library = _tokenizers()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        alphabet = library.pre_tokenizers.ByteLevel.alphabet()
        trainer = library.trainers.BpeTrainer(vocab_size=most, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(text.splitlines(keepends=True), trainer)
        return cls(tokenizer.to_str())

    @property
    def size(self) -> int:
        return self.tokenizer.get_vocab_size()

    def encode(self, text: str) -> Tensor:
        return torch.tensor(self.tokenizer.encode(text).ids, dtype=torch.int64)

    def as_bytes(self, token: int) -> bytes:
        return bytes(BYTE_OF_LETTER[letter] for letter in self.tokenizer.id_to_token(token))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "model": json.loads(self.model)}


def fit_vocabulary(kind: TokenKind, text: str) -> Vocabulary:
    """The vocabulary of a training text.

    Raises:
        UserError: if the kind is unknown, or needs a library that is not installed.
    """
    makers: dict[str, Callable[[str], Vocabulary]] = {
        "characters": Characters.fit,
        "words": Words.fit,
        "bpe": BPE.fit,
        "bytes": lambda text: Bytes(),
    }
    if kind not in makers:
        raise UserError(f"unknown kind of tokens '{kind}'; choose characters, bytes, words or bpe")
    return makers[kind](text)


def vocabulary_from_json(data: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that ``to_json`` described."""
    kind = data.get("kind")
    if kind == "bytes":
        return Bytes()
    if kind == "bpe":
        return BPE(json.dumps(data["model"]))
    kinds: dict[str, type[Characters] | type[Words]] = {"characters": Characters, "words": Words}
    if kind not in kinds:
        raise UserError(f"the saved vocabulary is of an unknown kind {kind!r}; it was not written by statewise")
    return kinds[kind](data["symbols"])


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise UserError("BPE tokens need an extra; install it with: pip install 'statewise[text]'") from error
    return tokenizers
