"""The next rows of a series, from a run and the file as it is now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from statewise.data.scaling import Scaler
from statewise.data.table import read_table
from statewise.errors import UserError
from statewise.runs.folder import LoadedRun


def forecast_next(run: LoadedRun, source: str) -> dict[str, list[float]]:
    """The rows after the last one of ``source``: target -> ``horizon`` values in its own units.

    Raises:
        UserError: if the run is no forecast, or the table has other columns.
    """
    if run.config.task != "forecast":
        raise UserError(f"this run was trained on {run.config.task}, not to forecast; use statewise evaluate")
    known: Mapping[str, Any] = run.preprocessing
    table = read_table(source, time=run.config.task_options.get("time") or None)
    if table.columns != known["columns"]:
        raise UserError(
            f"{Path(source).name} has the columns {table.columns}, the run was trained on {known['columns']}"
        )
    scaler = Scaler.from_json(known["scaler"])
    inputs = torch.from_numpy(scaler.apply(table.values)).to(torch.get_default_dtype())
    with torch.inference_mode():
        outputs, _ = run.model(inputs.unsqueeze(0))
    targets: list[int] = known["targets"]
    scaled = outputs[0, -1].double().numpy().reshape(known["horizon"], -1)
    values = scaled * scaler.deviation[targets] + scaler.mean[targets]
    return {known["columns"][column]: np.round(values[:, place], 6).tolist() for place, column in enumerate(targets)}
