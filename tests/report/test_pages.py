"""Pages from plain data: whole, self-contained, and never broken by what the data holds."""

import copy
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from statewise.report import render_comparison, render_run, write_comparison


def seed(number: int, score: float | None, **more: Any) -> dict[str, Any]:
    curve = [
        {"step": s, "tokens": 32 * s, "train_loss": 1 / s, "valid": (score or 0) * s / 300} for s in (100, 200, 300)
    ]
    lengths = {} if score is None else {str(n): score * 20 / n for n in (10, 20, 40, 80)}
    return {
        "seed": number,
        "valid": score,
        "test": score,
        "metrics": {} if score is None else {"accuracy": score},
        "status": "ok" if score is not None else "failed",
        "reason": None if score is not None else "its process died with exit code -9",
        "seconds": 3.5,
        "curve": curve,
        "by_length": lengths,
        "solved_step": None,
        **more,
    }


def arm(label: str, scores: list[float | None], bytes_: int) -> dict[str, Any]:
    known = [score for score in scores if score is not None]
    mean = sum(known) / len(known) if known else None
    return {
        "label": label,
        "model": label,
        "family": "recurrent",
        "paper": "Somebody 1997",
        "status": "ok" if known else "failed",
        "reason": None if known else "nothing finished",
        "config": {"model": {"width": 8}},
        "cost": {
            "parameters": {"body": 1000 + bytes_, "fixed": 0, "embedding": 10, "readout": 20},
            "flops_per_token": 2000,
            "state_bytes": bytes_,
            "step_latency_us": 50.0,
            "tokens_per_second": 1e5,
            "peak_memory_mb": 300.0,
        },
        "tuning": [
            {"trial": t, "settings": {}, "valid": mean, "status": "ok", "reason": None, "seconds": 1} for t in (0, 1)
        ],
        "seeds": [seed(number, score) for number, score in enumerate(scores)],
        "score": None
        if mean is None
        else {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": len(known), "kind": "t-interval"},
        "solved": {"fraction": 0.5, "low": 0.1, "high": 0.9, "median_steps": None},
        "expected_best": [{"trials": 1, "value": 0.5}, {"trials": 2, "value": 0.6}],
    }


def result() -> dict[str, Any]:
    return {
        "schema": 1,
        "title": "Comparison on recall",
        "command": "statewise compare recall",
        "task": {
            "name": "recall",
            "description": "Recall",
            "primary": {
                "name": "accuracy",
                "unit": "fraction",
                "lower_is_better": False,
                "chance": 0.03,
                "chance_label": "chance",
            },
            "train_lengths": [10, 20],
            "bimodal": True,
            "solved_at": 0.99,
        },
        "config": {"task": "recall"},
        "environment": {"torch": "2"},
        "budget": {"match": "parameters", "value": 1000},
        "recommendation": {"verdict": "winner", "arms": ["lstm"], "headline": "Take lstm.", "rests_on": ["3 seeds."]},
        "arms": [arm("lstm", [0.9, 0.8, 0.95], 64), arm("gru", [0.5, None, 0.4], 32), arm("broken", [None], 16)],
        "baselines": [{"name": "memoryless optimum", "description": "closed form", "score": 0.03, "metrics": {}}],
        "pairs": [
            {
                "a": "lstm",
                "b": "gru",
                "difference": 0.4,
                "low": 0.2,
                "high": 0.6,
                "probability_of_improvement": 1.0,
                "n": 3,
                "verdict": "a",
            }
        ],
        "examples": [{"arm": "lstm", "prompt": "1 2", "target": "3", "prediction": "4"}],
        "hypotheses": [{"statement": "LSTM leads", "verdict": "supported", "evidence": "3 seeds"}],
    }


class Nesting(HTMLParser):
    """Fails where tags do not close in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_well_formed(page: str) -> None:
    parser = Nesting()
    parser.feed(page)
    assert parser.open == []


def test_the_recommendation_comes_first_and_everything_is_there():
    page = render_comparison(result())
    assert_well_formed(page)
    places = [
        page.index(text) for text in ("Take lstm.", "The arms", "<svg", "Pair by pair", "Failures", "Do it again")
    ]
    assert places == sorted(places)
    assert page.count("<svg") == 7
    assert "exit code -9" in page
    assert "statewise compare recall" in page


def test_the_page_needs_no_network():
    page = render_comparison(result())
    assert not re.search(r"(?:src|href)=|@import|url\(|<script", page)


def test_words_of_the_data_cannot_break_out():
    data = result()
    nasty = "</title></svg><script>alert(1)</script>\x00'\""
    data["title"] = data["arms"][0]["label"] = data["examples"][0]["prediction"] = nasty
    data["recommendation"]["headline"] = nasty
    page = render_comparison(data)
    assert "<script" not in page
    assert "\x00" not in page
    assert_well_formed(page)


@pytest.mark.parametrize("missing", ["cost", "score", "solved", "tuning", "seeds", "expected_best", "config"])
def test_what_was_not_measured_may_be_missing(missing: str):
    data = result()
    for one in data["arms"]:
        one[missing] = [] if isinstance(one[missing], list) else ({} if missing == "config" else None)
    assert_well_formed(render_comparison(data))


def test_nothing_at_all_still_makes_a_page():
    data = result()
    data.update(arms=[], baselines=[], pairs=[], examples=[], hypotheses=[])
    assert_well_formed(render_comparison(data))


def test_numbers_that_are_not_finite_are_not_drawn():
    data = result()
    data["arms"][0]["seeds"][0]["test"] = float("nan")
    data["arms"][0]["seeds"][1]["by_length"] = {"10": float("inf")}
    assert "nan" not in render_comparison(data).replace("nano", "")


def test_a_page_is_written_whole(tmp_path):
    path = write_comparison(result(), tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_foreign_data_is_refused_with_a_sentence():
    data = copy.deepcopy(result())
    del data["task"]["primary"]["lower_is_better"]
    with pytest.raises(ValueError, match="lower_is_better"):
        render_comparison(data)


def test_a_run_page():
    run = {
        "title": "run",
        "history": [{"step": 1, "train_loss": 2.0, "valid": 3.0}],
        "result": {"x": 1},
        "samples": ["<b>"],
    }
    page = render_run(json.loads(json.dumps(run)))
    assert_well_formed(page)
    assert "&lt;b&gt;" in page
    assert page.count("<svg") == 2
