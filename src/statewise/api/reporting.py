"""The page of whatever a folder holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from statewise import report
from statewise.compare.folder import read_result
from statewise.compare.study_result import is_study
from statewise.cost.bench.folder import is_bench
from statewise.errors import UserError
from statewise.storage import read_json, write_text
from statewise.train.history import read_history

STUDY_PAGE = "study.html"


def write_report(folder: str | Path) -> Path:
    """Write the HTML page of a finished comparison, study, run or bench anew and return its path.

    Raises:
        UserError: if the folder holds none of them, something in it is damaged, or the page cannot be written.
    """
    folder = Path(folder)
    result = read_result(folder)
    if is_bench(result):
        return write_page(report.render_bench, result, folder)
    if is_study(result):
        return write_page(report.render_study, result, folder, STUDY_PAGE)
    if "arms" in result:
        return write_page(report.render_comparison, result, folder)
    run = {
        "title": f"Run {folder.name}",
        "config": read_json(folder / "config.json"),
        "environment": read_json(folder / "environment.json"),
        "history": [vars(entry) for entry in read_history(folder / "history.jsonl")],
        "result": result,
    }
    return write_page(report.render_run, run, folder)


def write_page(
    render: Callable[[dict[str, Any]], str], data: dict[str, Any], folder: Path, name: str = "report.html"
) -> Path:
    """Write a page from plain data and return its path.

    Raises:
        UserError: if the data are damaged, or the page cannot be written.
    """
    try:
        text = render(data)
    except ValueError as error:
        raise UserError(f"{folder / 'result.json'} is {error}") from error
    page = folder / name
    write_text(page, text)
    return page
