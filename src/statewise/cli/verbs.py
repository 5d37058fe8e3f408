"""The verbs and their flags. A flag that is not given is None: its default is the library's, which its help shows."""

from dataclasses import dataclass, field
from typing import Any

from statewise.compare.config import CompareConfig, Match
from statewise.cost.bench.config import BenchConfig
from statewise.generation.sampling import Sampling
from statewise.models.config import ModelConfig
from statewise.runs.intervals import USUAL_SAMPLES, Intervals
from statewise.train.config import TrainConfig

_BENCH = BenchConfig()
_COMPARE = CompareConfig()
_INTERVALS = Intervals()
_SAMPLES = f"{USUAL_SAMPLES} of a run with dropout, else 0"
_MODEL = ModelConfig()
_SAMPLING = Sampling()
_TRAIN = TrainConfig()


def library(shown: object, *, unsaid: object = None) -> Any:
    """A field whose default is the library's.

    Args:
        shown: that default, as the help shows it.
        unsaid: what stands in the field where its flag is not given.
    """
    return field(default=unsaid, metadata={"shown": shown})


@dataclass
class Compare:
    """Which architecture, for this problem and this budget? An experiment with a report."""

    task: str = _COMPARE.task
    """A task's name (see: statewise tasks), a text or CSV file, 'embedded', or package.module:Class of your own; or a
    study, which is several comparisons with hypotheses: gated-units or depth"""
    models: str | None = library(",".join(_COMPARE.models))
    """Models, separated by commas (see: statewise models), or package.module:Class of a layer of your own; several
    joined by + are one model whose blocks take them in turn"""
    budget: str | None = library(_COMPARE.budget)
    """What each arm may spend of what is matched; 100k and 2M are understood"""
    match: Match | None = library(_COMPARE.match)  # noqa: RUF009  a field, as its neighbours are
    """Equal parameters, operations a token, or bytes of state"""
    seeds: int | None = library(_COMPARE.seeds)
    """Fresh seeds an arm after tuning"""
    trials: int | None = library(_COMPARE.trials)
    """Tuning trials an arm; with 1, settings stay as configured"""
    learning_rates: str | None = library(",".join(f"{end:g}" for end in _COMPARE.learning_rates))
    """Range in which learning rates are tuned, its ends separated by a comma"""
    steps: int | None = library(_COMPARE.train.steps)
    """Parameter updates a trial"""
    lengths: str = ""
    """Lengths that are scored, separated by commas; empty = up to 4 times the training length"""
    vary: tuple[str, ...] = ()
    """field=value,value of any field of training, model, layer or task; every combination is an arm"""
    set: tuple[str, ...] = ()
    """field=value of any field of training, model, layer or task, in all arms"""
    task_options: tuple[str, ...] = ()
    """option=value of the task, such as longest=40 or target=OT (see: statewise tasks NAME)"""
    margin: float | None = library("the task's own")
    """The smallest difference that counts, in units of the score (or of the fraction of seeds that solve the task)"""
    hypotheses: tuple[str, ...] = ()
    """What you expect, each in quotes, for the result to judge: 'lstm > gru' (is better), 'lstm = gru' (is equal)"""
    depth: int | None = library(_COMPARE.depth)
    """Blocks of every model"""
    companions: bool = True
    """Let a simple trained model run along where the task has one (on text: a window-mlp); it cannot win"""
    workers: int | None = library(_COMPARE.workers)
    """Processes, one thread each"""
    device: str | None = library(_COMPARE.train.device)
    """cpu or cuda"""
    out: str = ""
    """Folder of the comparison (empty = one below comparisons/); the same words again go on where it stopped"""
    quick: bool = False
    """A taste in a minute or some, no basis for decisions: less of every number and model that no flag names"""
    json: bool = False
    """Print the recommendation as JSON on the last line"""


@dataclass
class Train:
    """A model for your data, in a run folder."""

    data: str
    """A text or CSV file, 'embedded', a task's name (see: statewise tasks), or package.module:Class of your own"""
    model: str | None = library(_MODEL.layer)
    """A model's name (see: statewise models), package.module:Class of a layer of your own, or several joined by +"""
    width: int | None = library(_MODEL.width)
    """Width of the layers"""
    depth: int | None = library(_MODEL.depth)
    """Blocks"""
    steps: int | None = library(_TRAIN.steps)
    """Parameter updates"""
    batch_size: int | None = library(_TRAIN.batch_size)
    """Rows of a batch"""
    learning_rate: float | None = library(_TRAIN.learning_rate)
    """Highest learning rate"""
    seed: int | None = library(_TRAIN.seed)
    """Of initial weights, order and noise"""
    device: str | None = library(_TRAIN.device)
    """cpu or cuda"""
    set: tuple[str, ...] = ()
    """field=value of any other field of training, model or layer"""
    task_options: tuple[str, ...] = ()
    """option=value of the task, such as tokens=bytes, horizon=24 or target=OT (see: statewise tasks NAME)"""
    tensorboard: bool = False
    """Write the history for TensorBoard too, into the run folder"""
    out: str = ""
    """Folder of the run (empty = one below runs/); the same words again go on where it stopped"""
    json: bool = False
    """Print the result as JSON on the last line"""


@dataclass
class Evaluate:
    """Scores of a run on validation and test, beside chance and simple baselines."""

    run: str
    """Folder of the run"""
    samples: int | None = library(_SAMPLES)
    """Ask also so many models with units dropped out (Monte Carlo dropout), of a run with dropout; 0 = none"""
    interval: float | None = library(_INTERVALS.level)
    """Tell how much of the test part intervals hold that are to hold this share, where numbers are asked for"""
    seed: int | None = library(_INTERVALS.seed)
    """The same seed drops out the same units"""
    json: bool = False
    """Print the result as JSON on the last line"""


@dataclass
class Generate:
    """Text from a run that was trained on a text, as it comes."""

    run: str
    """Folder of the run"""
    prompt: str = ""
    """What the text goes on from; empty = the start of a line"""
    length: int | None = library(_SAMPLING.length)
    """How many tokens; a token is a character, byte, word or piece as in the training"""
    temperature: float | None = library(_SAMPLING.temperature)
    """0 = always the likeliest; higher = bolder"""
    top_k: int | None = library(_SAMPLING.top_k)
    """Only the k likeliest tokens; 0 = all"""
    top_p: float | None = library(_SAMPLING.top_p)
    """Only the likeliest tokens that together have this probability"""
    seed: int | None = library(_SAMPLING.seed)
    """The same seed gives the same text"""
    json: bool = False
    """Print prompt and text as JSON on the last line"""


@dataclass
class Forecast:
    """The next rows of a series or several, from a run that was trained on a table; a page goes into its folder."""

    run: str
    """Folder of the run"""
    data: str = ""
    """CSV file with the rows so far; empty = the file of the training"""
    every: str = ""
    """Forecast rows so far apart, as 10s, 5min, 1h, or a number where times are numbers; empty = at the usual step"""
    at: str = ""
    """Forecast rows at these times, as 2024-05-01T10:00,2024-05-01T12:30 or numbers; one for each row of the horizon"""
    series: str = ""
    """Which series goes on, of a run on a table of several; empty = each of them"""
    samples: int | None = library(_SAMPLES)
    """Add intervals around what so many models with units dropped out say (Monte Carlo dropout), of a run with dropout;
    0 = around what the model says"""
    interval: float | None = library(_INTERVALS.level)
    """Add intervals that are to hold this share of what comes, by the errors on validation (split conformal prediction)
    and, of a run with dropout, by how far models with units dropped out differ"""
    seed: int | None = library(_INTERVALS.seed)
    """The same seed gives the same intervals"""
    json: bool = False
    """Print the forecast as JSON on the last line"""


@dataclass
class Models:
    """All models, with family, paper and cost; or one, with its equations and options."""

    name: str = ""
    """A model's name, to read about it; empty = all"""
    width: int | None = library(_MODEL.width)
    """Width at which they are costed"""
    json: bool = False
    """Print them as JSON on the last line"""


@dataclass
class Tasks:
    """All tasks, with what chance would score; or one, with its options."""

    name: str = ""
    """A task's name, to read about it; empty = all"""
    json: bool = False
    """Print them as JSON on the last line"""


@dataclass
class Bench:
    """How fast are layers on this machine, against torch.nn and what is physically possible? A table and a report."""

    models: str = library(",".join(_BENCH.models), unsaid="")
    """Models, separated by commas (see: statewise models), or package.module:Class of a layer of your own; several
    joined by + are stacked"""
    batch: int | None = library(_BENCH.batch)
    """Rows of a batch of sequences"""
    length: int | None = library(_BENCH.length)
    """Steps of a sequence"""
    width: int | None = library(_BENCH.width)
    """Width of input and output"""
    gears: str | None = library(",".join(_BENCH.gears))
    """What is timed, separated by commas: forward and training of whole sequences, one step of a stream"""
    streams: int | None = library(_BENCH.streams)
    """Rows that a single step steps"""
    rounds: int | None = library(_BENCH.rounds)
    """Measurements of each; what is told are medians"""
    device: str | None = library(_BENCH.device)
    """cpu or cuda"""
    out: str = ""
    """Folder of the results (empty = bench); what an earlier bench left there is replaced"""
    json: bool = False
    """Print the results as JSON on the last line"""


@dataclass
class Report:
    """Write the HTML report of a comparison, a study, a run or a bench anew."""

    folder: str
    """Folder of the comparison, study, run or bench"""


def given(verb: object, *names: str) -> dict[str, Any]:
    """Those of these flags that were given, by name."""
    return {name: getattr(verb, name) for name in names if getattr(verb, name) is not None}
