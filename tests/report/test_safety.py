"""A page holds its data and needs nothing else: no network, and no text of the data breaks out."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from statewise.report import render_comparison, render_run
from statewise.report.tidy import tidy

from .page import Data, Page

HOSTILE = "</script></style></title></svg>--><img src=x onerror=alert(1)>\"' onload='x' {{ 7*7 }} \x00\x1b\ud800 &amp;"


def hostile(value: Any, key: str = "") -> Any:
    """The data with every text that a person or a model may choose made hostile."""
    kept = {"status", "verdict", "match"}
    if isinstance(value, dict):
        renamed = key in {"config", "settings", "environment", "test"}
        return {name + HOSTILE if renamed else name: hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    return value + HOSTILE if isinstance(value, str) and key not in kept else value


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """Elements and names of attributes, but for the letters in plots: there are fewer where long ones find no room."""
    return [(tag, names) for tag, names in Page(page).elements if tag != "text"]


@pytest.mark.parametrize("page", [render_comparison, render_run])
def test_a_page_needs_no_network(page: Callable[[Data], str], result: Data, run: Data) -> None:
    text = page(result if page is render_comparison else run)
    parsed = Page(text)
    assert not [value for name, value in parsed.attributes if name in {"src", "srcset", "data", "action", "poster"}]
    assert not re.search(r"@import|url\(|https?://", text)
    assert parsed.counts("link") == parsed.counts("img") == parsed.counts("iframe") == 0
    policy = next(value for name, value in parsed.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy


def test_a_page_is_small(result: Data) -> None:
    assert len(render_comparison(result).encode()) < 300_000


@pytest.mark.parametrize("page", [render_comparison, render_run])
def test_no_text_of_the_data_breaks_out(page: Callable[[Data], str], result: Data, run: Data) -> None:
    data = result if page is render_comparison else run
    for example in data.get("examples", []):
        example["prediction"] = example["target"] = "one"
    gentle, harsh = page(data), page(hostile(data))
    assert "{{ 7*7 }}" in harsh
    assert "\x00" not in harsh
    assert shape(harsh) == shape(gentle)


@pytest.mark.parametrize("page", [render_comparison, render_run])
def test_the_page_holds_its_own_data(page: Callable[[Data], str], result: Data, run: Data) -> None:
    data = hostile(result if page is render_comparison else run)
    assert json.loads(Page(page(data)).scripts[0]) == tidy(json.loads(json.dumps(data)))


def test_the_data_is_left_as_it_was(result: Data) -> None:
    before = copy.deepcopy(result)
    render_comparison(result)
    assert result == before
