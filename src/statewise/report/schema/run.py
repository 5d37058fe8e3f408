"""A single training run, as ``render_run`` takes it."""

from typing import Any

from pydantic import BaseModel

from statewise.report.schema.reading import Scalar


class Run(BaseModel):
    """A single training run, as ``render_run`` takes it; further numbers in ``history`` are drawn too."""

    title: str
    config: dict[str, Any] = {}
    environment: dict[str, Scalar] = {}
    history: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    samples: list[str] = []
