"""The page of a forecast, in the folder of its run."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from statewise import report
from statewise.runs.forecasting import NextRows, SeveralNextRows
from statewise.storage import write_text


def write_forecast(folder: str | Path, found: NextRows | SeveralNextRows, *, command: str = "") -> Path:
    """Draw what is forecast, after the rows that are known, with intervals where it has any; returns the page's path.

    Args:
        folder: of the run; the page of an earlier forecast there is replaced.
        found: by ``statewise.forecast_rows`` or ``statewise.forecast_series``.
        command: what the page says to do to have it again; empty = nothing.

    Raises:
        UserError: if the page cannot be written.
    """
    folder = Path(folder)
    created = datetime.now().astimezone().isoformat(timespec="seconds")
    facts = {"title": f"Forecast by {folder.resolve().name}", "created": created, "command": command}
    several = found if isinstance(found, SeveralNextRows) else SeveralNextRows({"": found})
    page = folder / "forecast.html"
    write_text(page, report.render_forecast({**facts, **asdict(several)}))
    return page
