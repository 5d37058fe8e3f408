"""The page of studies from their results."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ARM = {"companion": False, "spent": {"failed": 2}, "trainings": 9, "reason": None, "solved": None}
JUDGED = {"statement": "a > b", "verdict": "supported", "evidence": "a | b", "said": "before"}
RESULT: dict[str, Any] = {
    "title": "Study gates",
    "question": "Which?",
    "command": "statewise compare gates",
    "created": "2026-11-22T01:02:03",
    "statements": [{**JUDGED, "statement": "All is well", "said": "after"}],
    "missing": [{"name": "long", "asks": "Far?"}],
    "unjudged": ["Far is hard"],
    "comparisons": [
        {
            "name": "short",
            "asks": "Near?",
            "task": {"description": "Add", "primary": {"name": "mse", "lower_is_better": True}},
            "recommendation": {"headline": "Take b."},
            "hypotheses": [JUDGED],
            "arms": [
                {**ARM, "label": "a", "score": {"mean": 0.5, "low": 0.25, "high": 1.0}, "solved": {"fraction": 0.4}},
                {**ARM, "label": "c", "score": None, "reason": "broke off"},
                {**ARM, "label": "b", "score": {"mean": 0.125, "low": None, "high": None}},
            ],
        }
    ],
}


@pytest.fixture
def studies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("studies")
    monkeypatch.setattr(module, "PAGE", tmp_path / "studies.md")
    monkeypatch.setattr(module, "RESULTS", tmp_path / "studies")
    return module


def test_a_study_is_kept_and_told(studies: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(RESULT))
    (folder / "config.json").write_text(json.dumps({"study": "gates"}))
    studies.main([folder])
    assert json.loads((tmp_path / "studies" / "gates.json").read_text()) == RESULT
    page = (tmp_path / "studies.md").read_text()
    for line in (
        "## Study gates",
        "Not run to the end yet: long.",
        "Not judged without that: Far is hard.",
        "| All is well (said after the results) | supported | a / b |",
        "Add. Take b.",
        "| a | 0.5 | 0.25 to 1 | 40% | 9 | 2 |",
        "| c | broke off |  |  | 9 | 2 |",
        "| b | 0.125 |  |  | 9 | 2 |",
        "| a > b | supported | a / b |",
    ):
        assert line in page.splitlines()
    assert page.index("| b |") < page.index("| a |") < page.index("| c |")
    studies.main([])
    assert (tmp_path / "studies.md").read_text() == page
