"""The verbs and their flags. A flag that is not given is None: its default is the library's, which its help shows."""

from dataclasses import dataclass
from typing import Annotated, Any, get_args

from tyro.conf import FlagCreatePairsOff, Positional, arg

from statewise.compare.config import CompareConfig, Match
from statewise.compare.presets import PRESETS
from statewise.cost.bench.config import BenchConfig
from statewise.generation.sampling import Sampling
from statewise.models.config import ModelConfig
from statewise.runs.intervals import Intervals
from statewise.train.config import TrainConfig

_BENCH = BenchConfig()
_COMPARE = CompareConfig()
_INTERVALS = Intervals()
_MODEL = ModelConfig()
_SAMPLING = Sampling()
_TRAIN = TrainConfig()

Flag = Annotated[bool, FlagCreatePairsOff]
Several = Annotated[tuple[str, ...], arg(metavar="TEXT ...", help_behavior_hint="")]
"""What may be said any number of times, and is not where it is not said"""
Text = Annotated[str, arg(metavar="TEXT", help_behavior_hint="")]
"""What is left to the library where it is not said, as its help says in words"""


def _default(value: object) -> Any:
    """How the help shows a flag whose default is the library's."""
    kinds = {int: "INT", float: "FLOAT", str: "TEXT"}
    return arg(metavar=kinds[type(value)], help_behavior_hint=f"(default: {value})")


@dataclass
class Compare:
    """Which architecture, for this problem and this budget? An experiment with a report."""

    task: Annotated[
        Positional[str],
        arg(
            metavar="TASK",
            help="A task's name (see: statewise tasks), a text or CSV file, 'embedded', or package.module:Class of "
            f"your own; or a study, which is several comparisons with hypotheses: {', '.join(PRESETS)}",
        ),
    ] = _COMPARE.task
    models: Annotated[str | None, _default(",".join(_COMPARE.models))] = None
    """Models, separated by commas (see: statewise models), or package.module:Class of a layer of your own; several
    joined by + are one model whose blocks take them in turn"""
    budget: Annotated[str | None, _default(str(_COMPARE.budget))] = None
    """What each arm may spend of what is matched; 100k and 2M are understood"""
    match: Annotated[
        Match | None,
        arg(metavar=f"{{{','.join(get_args(Match))}}}", help_behavior_hint=f"(default: {_COMPARE.match})"),
    ] = None
    """Equal parameters, operations a token, or bytes of state"""
    seeds: Annotated[int | None, _default(_COMPARE.seeds)] = None
    """Fresh seeds an arm after tuning"""
    trials: Annotated[int | None, _default(_COMPARE.trials)] = None
    """Tuning trials an arm; with 1, settings stay as configured"""
    learning_rates: Annotated[str | None, _default(",".join(f"{end:g}" for end in _COMPARE.learning_rates))] = None
    """Range in which learning rates are tuned, its ends separated by a comma"""
    steps: Annotated[int | None, _default(_COMPARE.train.steps)] = None
    """Parameter updates a trial"""
    lengths: Text = ""
    """Lengths that are scored, separated by commas; empty = up to 4 times the training length"""
    vary: Several = ()
    """field=value,value of any field of training, model, layer or task; every combination is an arm"""
    set: Several = ()
    """field=value of any field of training, model, layer or task, in all arms"""
    task_options: Several = ()
    """option=value of the task, such as longest=40 or target=OT (see: statewise tasks NAME)"""
    margin: Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint="(default: the task's own)")] = None
    """The smallest difference that counts, in units of the score (or of the fraction of seeds that solve the task)"""
    hypotheses: Several = ()
    """What you expect, each in quotes, for the result to judge: 'lstm > gru' (is better), 'lstm = gru' (is equal)"""
    depth: Annotated[int | None, _default(_COMPARE.depth)] = None
    """Blocks of every model"""
    companions: bool = True
    """Let a simple trained model run along where the task has one (on text: a window-mlp); it cannot win"""
    workers: Annotated[int | None, _default(_COMPARE.workers)] = None
    """Processes, one thread each"""
    device: Annotated[str | None, _default(_COMPARE.train.device)] = None
    """cpu or cuda"""
    out: Text = ""
    """Folder of the comparison (empty = one below comparisons/); the same words again go on where it stopped"""
    quick: Flag = False
    """A taste in a minute or some, no basis for decisions: less of every number and model that no flag names"""
    json: Flag = False
    """Print the recommendation as JSON on the last line"""


@dataclass
class Train:
    """A model for your data, in a run folder."""

    data: Annotated[Positional[str], arg(metavar="DATA")]
    """A text or CSV file, 'embedded', a task's name (see: statewise tasks), or package.module:Class of your own"""
    model: Annotated[str | None, _default(_MODEL.layer)] = None
    """A model's name (see: statewise models), package.module:Class of a layer of your own, or several joined by +"""
    width: Annotated[int | None, _default(_MODEL.width)] = None
    """Width of the layers"""
    depth: Annotated[int | None, _default(_MODEL.depth)] = None
    """Blocks"""
    steps: Annotated[int | None, _default(_TRAIN.steps)] = None
    """Parameter updates"""
    batch_size: Annotated[int | None, _default(_TRAIN.batch_size)] = None
    """Rows of a batch"""
    learning_rate: Annotated[float | None, _default(_TRAIN.learning_rate)] = None
    """Highest learning rate"""
    seed: Annotated[int | None, _default(_TRAIN.seed)] = None
    """Of initial weights, order and noise"""
    device: Annotated[str | None, _default(_TRAIN.device)] = None
    """cpu or cuda"""
    set: Several = ()
    """field=value of any other field of training, model or layer"""
    task_options: Several = ()
    """option=value of the task, such as tokens=bytes, horizon=24 or target=OT (see: statewise tasks NAME)"""
    tensorboard: Flag = False
    """Write the history for TensorBoard too, into the run folder"""
    out: Text = ""
    """Folder of the run (empty = one below runs/); the same words again go on where it stopped"""
    json: Flag = False
    """Print the result as JSON on the last line"""


@dataclass
class Evaluate:
    """Scores of a run on validation and test, beside chance and simple baselines."""

    run: Annotated[Positional[str], arg(metavar="RUN")]
    """Folder of the run"""
    samples: Annotated[int | None, _default(_INTERVALS.samples)] = None
    """Ask also so many models with units dropped out (Monte Carlo dropout), of a run with dropout"""
    interval: Annotated[float | None, _default(_INTERVALS.level)] = None
    """Tell how much of the test part intervals hold that are to hold this share, where numbers are asked for"""
    seed: Annotated[int | None, _default(_INTERVALS.seed)] = None
    """The same seed drops out the same units"""
    json: Flag = False
    """Print the result as JSON on the last line"""


@dataclass
class Generate:
    """Text from a run that was trained on a text, as it comes."""

    run: Annotated[Positional[str], arg(metavar="RUN")]
    """Folder of the run"""
    prompt: Text = ""
    """What the text goes on from; empty = the start of a line"""
    length: Annotated[int | None, _default(_SAMPLING.length)] = None
    """How many tokens; a token is a character, byte, word or piece as in the training"""
    temperature: Annotated[float | None, _default(_SAMPLING.temperature)] = None
    """0 = always the likeliest; higher = bolder"""
    top_k: Annotated[int | None, _default(_SAMPLING.top_k)] = None
    """Only the k likeliest tokens; 0 = all"""
    top_p: Annotated[float | None, _default(_SAMPLING.top_p)] = None
    """Only the likeliest tokens that together have this probability"""
    seed: Annotated[int | None, _default(_SAMPLING.seed)] = None
    """The same seed gives the same text"""
    json: Flag = False
    """Print prompt and text as JSON on the last line"""


@dataclass
class Forecast:
    """The next rows of a series or several, from a run that was trained on a table; a page goes into its folder."""

    run: Annotated[Positional[str], arg(metavar="RUN")]
    """Folder of the run"""
    data: Text = ""
    """CSV file with the rows so far; empty = the file of the training"""
    every: Text = ""
    """Forecast rows so far apart, as 10s, 5min, 1h, or a number where times are numbers; empty = at the usual step"""
    at: Text = ""
    """Forecast rows at these times, as 2024-05-01T10:00,2024-05-01T12:30 or numbers; one for each row of the horizon"""
    series: Text = ""
    """Which series goes on, of a run on a table of several; empty = each of them"""
    samples: Annotated[int | None, _default(_INTERVALS.samples)] = None
    """Ask so many models with units dropped out (Monte Carlo dropout) and add intervals, of a run with dropout"""
    interval: Annotated[float | None, _default(_INTERVALS.level)] = None
    """Add intervals that are to hold this share of what comes, by model uncertainty and errors on validation"""
    seed: Annotated[int | None, _default(_INTERVALS.seed)] = None
    """The same seed gives the same intervals"""
    json: Flag = False
    """Print the forecast as JSON on the last line"""


@dataclass
class Models:
    """All models, with family, paper and cost; or one, with its equations and options."""

    name: Annotated[Positional[str], arg(metavar="NAME", help_behavior_hint="")] = ""
    """A model's name, to read about it; empty = all"""
    width: Annotated[int | None, _default(_MODEL.width)] = None
    """Width at which they are costed"""
    json: Flag = False
    """Print them as JSON on the last line"""


@dataclass
class Tasks:
    """All tasks, with what chance would score; or one, with its options."""

    name: Annotated[Positional[str], arg(metavar="NAME", help_behavior_hint="")] = ""
    """A task's name, to read about it; empty = all"""
    json: Flag = False
    """Print them as JSON on the last line"""


@dataclass
class Bench:
    """How fast are layers on this machine, against torch.nn and what is physically possible? A table and a report."""

    models: Annotated[
        Positional[str], arg(metavar="MODELS", help_behavior_hint=f"(default: {','.join(_BENCH.models)})")
    ] = ""
    """Models, separated by commas (see: statewise models), or package.module:Class of a layer of your own; several
    joined by + are stacked"""
    batch: Annotated[int | None, _default(_BENCH.batch)] = None
    """Rows of a batch of sequences"""
    length: Annotated[int | None, _default(_BENCH.length)] = None
    """Steps of a sequence"""
    width: Annotated[int | None, _default(_BENCH.width)] = None
    """Width of input and output"""
    gears: Annotated[str | None, _default(",".join(_BENCH.gears))] = None
    """What is timed, separated by commas: forward and training of whole sequences, one step of a stream"""
    streams: Annotated[int | None, _default(_BENCH.streams)] = None
    """Rows that a single step steps"""
    rounds: Annotated[int | None, _default(_BENCH.rounds)] = None
    """Measurements of each; what is told are medians"""
    device: Annotated[str | None, _default(_BENCH.device)] = None
    """cpu or cuda"""
    out: Text = ""
    """Folder of the results (empty = bench); what an earlier bench left there is replaced"""
    json: Flag = False
    """Print the results as JSON on the last line"""


@dataclass
class Report:
    """Write the HTML report of a comparison, a study, a run or a bench anew."""

    folder: Annotated[Positional[str], arg(metavar="FOLDER")]
    """Folder of the comparison, study, run or bench"""


def given(verb: object, *names: str) -> dict[str, Any]:
    """Those of these flags that were given, by name."""
    return {name: getattr(verb, name) for name in names if getattr(verb, name) is not None}
