"""What a report shows of a finished model: a text is gone on with as ``statewise generate`` does."""

from pathlib import Path

import pytest
import torch

from statewise.compare.examples import CONTINUED, PROMPT, make_example
from statewise.contract import Model
from statewise.generation.generate import generate
from statewise.generation.sampling import Sampling
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.language import Language
from statewise.tasks.recalling import Recall


@pytest.fixture
def task(tmp_path: Path) -> Language:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{number} bottles of beer on the wall\n" for number in range(300)))
    return Language(source=str(path), chunk=32)


@pytest.fixture
def model(task: Language) -> Model:
    torch.manual_seed(0)
    return build(ModelConfig(layer="gru", width=8, depth=1), task.input_form, task.output_size)


def test_a_text_is_gone_on_with_as_generate_does(model: Model, task: Language):
    shown = make_example(model, task, batch_size=2)
    assert shown is not None
    test = task.vocabulary.decode(task.parts["test"].tolist())
    start = len(shown["prompt"])
    assert 0 < start <= PROMPT
    assert shown["prompt"] == test[:start]
    assert test[start:].startswith(shown["target"])
    said = generate(model, task.vocabulary, prompt=shown["prompt"], sampling=Sampling(length=CONTINUED))
    assert shown["prediction"] == "".join(said)


def test_what_the_vocabulary_does_not_hold_is_never_said(model: Model, task: Language):
    with torch.no_grad():
        model.head.bias[task.vocabulary.unknown] = 1e4
    shown = make_example(model, task, batch_size=2)
    assert shown is not None
    assert len(shown["prediction"]) == CONTINUED
    assert "\N{REPLACEMENT CHARACTER}" not in shown["prediction"]


def test_a_task_that_is_not_for_generating_shows_its_own_example(model: Model, task: Language):
    class Scored(Language):
        verb = "evaluate"

    scored = Scored(source=task.source, chunk=32)
    shown = make_example(model, scored, batch_size=2)
    assert shown is not None
    assert len(shown["prediction"]) == len(shown["target"]) == len(shown["prompt"]) == 80
    recall = Recall()
    answers = build(ModelConfig(layer="gru", width=8, depth=1), recall.input_form, recall.output_size)
    assert make_example(answers, recall, batch_size=2) is not None
