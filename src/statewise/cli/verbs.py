"""The verbs and their flags. Defaults are the library's own: they stand in its configs and nowhere else."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from statewise.compare.config import CompareConfig
from statewise.models.config import ModelConfig
from statewise.train.config import TrainConfig

_COMPARE = CompareConfig()
_TRAIN = TrainConfig()

Flag = Annotated[bool, FlagCreatePairsOff]


@dataclass
class Compare:
    """Which architecture, for this problem and this budget? An experiment with a report."""

    task: Annotated[Positional[str], arg(metavar="TASK")] = _COMPARE.task
    """A task's name (see: statewise tasks), the path of a text or CSV file, 'embedded', or package.module:Class"""
    models: str = ",".join(_COMPARE.models)
    """Models, separated by commas (see: statewise models), or package.module:Class of a layer of your own"""
    budget: str = str(_COMPARE.budget)
    """What each arm may spend of what is matched; 100k and 2M are understood"""
    match: Literal["parameters", "flops", "state"] = _COMPARE.match
    """Equal parameters, operations a token, or bytes of state"""
    seeds: int = _COMPARE.seeds
    """Fresh seeds an arm after tuning"""
    trials: int = _COMPARE.trials
    """Tuning trials an arm"""
    steps: int = _COMPARE.train.steps
    """Parameter updates a trial"""
    lengths: str = ""
    """Lengths that are scored, separated by commas; default: up to 4 times the training length"""
    vary: tuple[str, ...] = ()
    """field=value,value of any field of training, model, layer or task; every combination is an arm"""
    set: tuple[str, ...] = ()
    """field=value of any field of training, model, layer or task, in all arms"""
    task_options: tuple[str, ...] = ()
    """option=value of the task, such as longest=40 or target=OT (see: statewise tasks NAME)"""
    depth: int = _COMPARE.depth
    """Blocks of every model"""
    baselines: bool = _COMPARE.baselines
    """Let a simple trained model run along where the task has one (on text: a window-mlp); it cannot win"""
    workers: int = _COMPARE.workers
    """Processes, one thread each"""
    device: str = _TRAIN.device
    """cpu or cuda"""
    out: str = ""
    """Folder of the comparison; started again with the same words it goes on where it stopped"""
    quick: Flag = False
    """A taste in about a minute: fewer models, steps, seeds and trials; not a basis for decisions"""
    json: Flag = False
    """Print the recommendation as JSON on the last line"""


@dataclass
class Train:
    """A model for your data, in a run folder."""

    data: Annotated[Positional[str], arg(metavar="DATA")]
    """The path of a text or CSV file, 'embedded', or a task's name"""
    model: str = ModelConfig.layer
    """A model's name (see: statewise models) or package.module:Class"""
    width: int = ModelConfig.width
    """Width of the layers"""
    depth: int = 2
    """Blocks"""
    steps: int = _TRAIN.steps
    """Parameter updates"""
    batch_size: int = _TRAIN.batch_size
    """Rows of a batch"""
    learning_rate: float = _TRAIN.learning_rate
    """Highest learning rate"""
    seed: int = _TRAIN.seed
    """Of initial weights, order and noise"""
    device: str = _TRAIN.device
    """cpu or cuda"""
    set: tuple[str, ...] = ()
    """field=value of any other field of training, model or layer"""
    task_options: tuple[str, ...] = ()
    """option=value of the task, such as tokens=bytes, horizon=24 or target=OT (see: statewise tasks NAME)"""
    tensorboard: Flag = False
    """Write the history for TensorBoard too, into the run folder"""
    out: str = ""
    """Folder of the run; started again with the same words it goes on where it stopped"""
    json: Flag = False
    """Print the result as JSON on the last line"""


@dataclass
class Evaluate:
    """Scores of a run on validation and test."""

    run: Annotated[Positional[str], arg(metavar="RUN")]
    """Folder of the run"""
    json: Flag = False
    """Print the result as JSON on the last line"""


@dataclass
class Generate:
    """Text from a run that was trained on a text, as it comes."""

    run: Annotated[Positional[str], arg(metavar="RUN")]
    """Folder of the run"""
    prompt: str = ""
    """What the text goes on from; empty = the start of a line"""
    length: int = 500
    """How many tokens; a token is a character, byte, word or piece as in the training"""
    temperature: float = 0.8
    """0 = always the likeliest; higher = bolder"""
    top_k: int = 0
    """Only the k likeliest tokens; 0 = all"""
    top_p: float = 1.0
    """Only the likeliest tokens that together have this probability"""
    seed: int = 0
    """The same seed gives the same text"""
    json: Flag = False
    """Print prompt and text as JSON on the last line"""


@dataclass
class Forecast:
    """The next rows of a series, from a run that was trained on a table."""

    run: Annotated[Positional[str], arg(metavar="RUN")]
    """Folder of the run"""
    data: str = ""
    """CSV file with the rows so far; empty = the file of the training"""
    json: Flag = False
    """Print the forecast as JSON on the last line"""


@dataclass
class Models:
    """All models, with family, paper and cost; or one, with its equations and options."""

    name: Annotated[Positional[str], arg(metavar="NAME")] = ""
    """A model's name, to read about it; empty = all"""
    width: int = 64
    """Width at which they are costed"""
    json: Flag = False
    """Print them as JSON on the last line"""


@dataclass
class Tasks:
    """All tasks, with what knowing nothing would score; or one, with its options."""

    name: Annotated[Positional[str], arg(metavar="NAME")] = ""
    """A task's name, to read about it; empty = all"""
    json: Flag = False
    """Print them as JSON on the last line"""


@dataclass
class Report:
    """Write the HTML report of a comparison or a run anew."""

    folder: Annotated[Positional[str], arg(metavar="FOLDER")]
    """Folder of the comparison or run"""
