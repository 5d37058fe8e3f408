"""A page read back: its elements, words and attributes."""

import re
from html.parser import HTMLParser
from typing import Any

Data = dict[str, Any]

VOID = frozenset({"meta", "br"})


class Page(HTMLParser):
    """The tree of a page: fails where tags do not close in order or ids repeat."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def counts(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def assert_sound(page: str) -> None:
    parsed = Page(page)
    for text in (parsed.text, *(value for _, value in parsed.attributes)):
        assert not re.search(r"\b(nan|None|inf|undefined|NaN|Infinity)\b", text)
