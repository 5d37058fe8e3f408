"""Layers timed beside torch.nn, as ``render_bench`` takes it."""

from pydantic import BaseModel

from statewise.report.schema.reading import Scalar


class Middle(BaseModel):
    """A median with its quartiles."""

    median: float
    low: float
    high: float


class Floor(BaseModel):
    """The least time something can take, and what takes it."""

    seconds: float
    limit: str


class Timing(BaseModel):
    """One layer at one gear, against torch.nn."""

    model: str
    family: str = ""
    gear: str
    parameters: int | None = None
    state_bytes: int | None = None
    seconds: Middle
    peer: str
    peer_seconds: Middle
    ratio: Middle
    floor: Floor


class Machine(BaseModel):
    """Measured rates: operations a second of a product, and of copies bytes -> bytes a second."""

    product_rate: float
    copy_rates: list[tuple[float, float]]


class Work(BaseModel):
    """What was timed."""

    batch: int
    length: int
    width: int
    streams: int


class Bench(BaseModel):
    """A whole bench, as ``render_bench`` takes it."""

    title: str
    created: str = ""
    command: str = ""
    environment: dict[str, Scalar] = {}
    config: Work
    rounds: int
    waited: float | None = None
    """The share of the rounds in which the process had no processor"""
    busy: bool = False
    machine: Machine
    rows: list[Timing] = []
