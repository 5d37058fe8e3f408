"""What options may be: one validator, wherever a value is said."""

from pathlib import Path
from typing import Any

import pytest

from statewise.contract import Tokens
from statewise.errors import UserError
from statewise.fields import Fields, Setup
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.options import fitting, option_types
from statewise.tasks.forecast import Forecast
from statewise.tasks.resolve import complete_options
from statewise.train.config import TrainConfig


class Task:
    def __init__(self, *, symbols: int = 2, target: str | tuple[str, ...] = "", other=None) -> None: ...


def set_field(name: str, value: Any) -> Any:
    known = Fields("lstm", {}, option_types(Forecast))
    found = known.set(Setup(ModelConfig(layer="lstm"), TrainConfig(), {}), f"task.{name}", value)
    return found.task_options[name]


def test_options_are_of_the_types_that_are_written_down_and_any_where_none_is():
    assert option_types(Task) == {"symbols": int, "target": str | tuple[str, ...], "other": Any}


def test_a_column_named_by_a_number_is_said_alike_everywhere(tmp_path: Path):
    assert complete_options("forecast", {"source": "x.csv", "target": 2024})["target"] == "2024"
    assert set_field("target", 2024) == "2024"


@pytest.mark.parametrize(
    ("name", "value"), [("horizon", "five"), ("horizon", 1.5), ("valid", "most"), ("source", None)]
)
def test_what_does_not_fit_is_refused_alike_everywhere(name: str, value: object):
    with pytest.raises(UserError, match="it must be") as by_field:
        set_field(name, value)
    with pytest.raises(UserError, match="it must be") as by_option:
        complete_options("forecast", {"source": "x.csv", name: value})
    assert str(by_field.value).partition("cannot")[2] == str(by_option.value).partition("cannot")[2]


@pytest.mark.parametrize("kind", [Any, Task, object])
def test_a_type_that_nothing_is_held_to_lets_its_values_pass(kind: Any):
    task = Task()
    assert fitting("it", task, kind) is task


def test_a_type_that_cannot_be_read_is_said_and_does_not_pass_for_none():
    class Hidden:
        def __init__(self, *, inner: "LayerFactory") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(UserError, match="'LayerFactory' is not defined; import it outside 'if TYPE_CHECKING'"):
        option_types(Hidden)


def test_an_option_of_a_layer_is_held_to_its_type_too_however_deep():
    wrong = {"forget_bias": "much"}
    inside = {"controller": {"layer": "lstm", "options": wrong}}
    for layer, options in (("lstm", wrong), ("ntm", inside)):
        with pytest.raises(UserError, match="forget_bias of lstm cannot be 'much'; it must be a valid number"):
            build(ModelConfig(layer=layer, width=4, options=options), Tokens(5), 5)


def test_what_may_be_nothing_is_said_to():
    with pytest.raises(UserError, match=r"forget_bias cannot be 'none'; it must be a valid number, .*, or null$"):
        fitting("forget_bias", "none", float | None)
