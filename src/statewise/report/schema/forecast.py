"""The next rows of a series, as ``render_forecast`` takes it."""

from pydantic import BaseModel


class Intervals(BaseModel):
    """How intervals were found."""

    samples: int
    """Thinned models that were asked; 0 = the model as it is"""
    level: float


class Ahead(BaseModel):
    """What is forecast of every target of a series, in its own units, a row after the other."""

    times: list[str]
    """When the rows come"""
    ahead: list[float]
    """How long that is after the last row that is known, in ``unit``"""
    values: dict[str, list[float]]
    before: dict[str, list[float]] = {}
    """The last rows that are known, oldest first"""
    ago: list[float] = []
    """When they came, seen from the last of them, in ``unit``; at most 0"""
    unit: str = "rows"
    """``seconds``, ``rows``, or the name of a column of numbers"""
    notes: list[str] = []
    """What a person should know of the times"""
    lower: dict[str, list[float]] = {}
    upper: dict[str, list[float]] = {}
    intervals: Intervals | None = None


class Forecast(BaseModel):
    """What is forecast of one or several series."""

    title: str
    created: str = ""
    command: str = ""
    notes: list[str] = []
    """What a person should know of all of them"""
    series: dict[str, Ahead]
    """By their names; empty where there is one without a name"""
