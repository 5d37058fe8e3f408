"""The page of a finished comparison, written anew into its folder: whole, or the old one stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from statewise.api.reporting import write_report
from statewise.errors import UserError
from statewise.report import render_comparison


def test_a_page_is_written_whole(tmp_path: Path, result: dict[str, Any]):
    (tmp_path / "result.json").write_text(json.dumps(result))
    page = write_report(tmp_path)
    assert page.read_text(encoding="utf-8") == render_comparison(result)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.html", "result.json"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]
):
    (tmp_path / "result.json").write_text(json.dumps(result))
    (tmp_path / "report.html").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("statewise.storage.os.fsync", full)
    with pytest.raises(UserError, match=r"cannot write .* No space left"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.html", "result.json"]


def test_a_result_that_is_none_is_refused_by_its_file(tmp_path: Path, result: dict[str, Any]):
    del result["task"]
    (tmp_path / "result.json").write_text(json.dumps(result))
    with pytest.raises(UserError, match=r"result.json is not a comparison that can be drawn: task"):
        write_report(tmp_path)
