"""``statewise report``."""

from pathlib import Path

from statewise.cli import verbs
from statewise.errors import UserError
from statewise.report import write_comparison, write_run
from statewise.runs.folder import read_json
from statewise.train.history import read_history


def run(verb: verbs.Report, command: str) -> None:
    """Write the page of a comparison or a run."""
    folder = Path(verb.folder)
    if not (folder / "result.json").exists():
        raise UserError(f"{folder} holds no finished comparison or run; finish it first, or name another folder")
    result = read_json(folder / "result.json")
    if "arms" in result:
        page = write_comparison(result, folder / "report.html")
    else:
        page = write_run(_run_data(folder, result), folder / "report.html")
    print(f"report: {page}")


def _run_data(folder: Path, result: dict[str, object]) -> dict[str, object]:
    history = [vars(entry) for entry in read_history(folder / "history.jsonl")]
    return {
        "title": f"Run {folder.name}",
        "config": read_json(folder / "config.json"),
        "environment": read_json(folder / "environment.json"),
        "history": history,
        "result": result,
        "samples": [],
    }
