"""What a person reads on the terminal."""

import inspect
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.cli import listing
from statewise.cli.dispatch import run
from statewise.contract import Decoder, SequenceLayer
from statewise.models.blocks.table import BLOCKS

OWN = """
from statewise.layers.recurrent.gru import GRU
from statewise.tasks.computing import Parity


class MyParity(Parity):
    name = "my-parity"


class MyGRU(GRU):
    pass
"""
SMALL = ["--width", "4", "--depth", "1", "--steps", "2"]


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_and_evaluate_show_chance_beside_the_scores(in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["train", "parity", *SMALL, "--json"]) == 0
    trained = capsys.readouterr().out
    assert run(["evaluate", "runs/parity-lstm", "--json"]) == 0
    evaluated = capsys.readouterr().out
    assert "model: lstm, 1 block of width 4\n" in trained
    assert "use it: statewise evaluate runs/parity-lstm" in trained
    results = [json.loads(said.splitlines()[-1]) for said in (trained, evaluated)]
    assert results[0]["test"] == results[1]["test"]
    for said in (trained, evaluated):
        table = [line.split() for line in said.splitlines() if "│" in line or "┃" in line]
        assert "chance" in table[0]
        accuracy = next(row for row in table if "accuracy" in row)
        assert accuracy[-2] == "0.5"


def test_a_training_without_updates_tells_no_loss(in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["train", "parity", *SMALL[:-1], "0"]) == 0
    said = "".join(capsys.readouterr())
    assert "step 0: validation accuracy" in said
    assert "training loss" not in said


def test_a_readout_that_is_solved_says_from_how_much_and_tells_no_loss(
    in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]
):
    (in_an_empty_folder / "sine.csv").write_text("x\n" + "".join(f"{k % 7}\n" for k in range(400)))
    assert run(["train", "sine.csv", "--model", "echo-state", "--width", "8", "--steps", "1000", "--json"]) == 0
    said = capsys.readouterr()
    assert re.search(r"^readout: solved from (\d+) batches of training data, which is all there is; ", said.out, re.M)
    assert json.loads(said.out.splitlines()[-1])["step"] < 20
    assert "training loss" not in said.out + said.err


def test_a_run_of_ones_own_layer_and_task_has_a_folder_that_any_system_can_have(
    in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]
):
    (in_an_empty_folder / "own_things.py").write_text(OWN)
    assert run(["train", "own_things:MyParity", "--model", "own_things:MyGRU", *SMALL]) == 0, capsys.readouterr().err
    assert [folder.name for folder in (in_an_empty_folder / "runs").iterdir()] == [
        "own-things-myparity-own-things-mygru"
    ]
    readme = (in_an_empty_folder / "runs" / "own-things-myparity-own-things-mygru" / "README.md").read_text()
    assert readme.count("`statewise evaluate") == 1


def test_names_that_one_must_type_are_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(listing, "console", lambda: Console(width=80))
    assert run(["models", "--width", "8"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert all(f" {name} " in said for name in CATALOG)


def test_models_stand_under_their_families_with_what_they_cost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(listing, "console", lambda: Console(width=100))
    assert run(["models", "--width", "6", "--json"]) == 0
    said = capsys.readouterr().out
    table = said.split(listing.NO_ARMS[:40])[0]
    rows = {row["name"]: row for row in json.loads(said.splitlines()[-1])}
    assert rows["gru"]["parameters"] == 3 * 6 * (6 + 6 + 2)
    assert rows["gru"]["state bytes"] == 4 * 6
    assert rows["gru"]["width"] == 6
    assert rows["attention"]["parameters"] is None
    assert re.search(r"^ +attention .* no such width +$", table, re.MULTILINE)
    assert max(map(len, table.splitlines())) <= 100
    under: dict[str, str] = {}
    family = ""
    for line in table.split("─\n")[-1].splitlines():
        if line.startswith("   ") and line[3:4].strip():
            under[line.split()[0]] = family
        elif line.strip() and not line.startswith("   "):
            family = line.strip()
    assert under == {name: entry.family for name, entry in SEQUENCE_LAYERS.items()}


def test_a_reservoir_has_one_number_of_weights_wherever_it_is_told(
    in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]
):
    told = set()
    for words in (["models"], ["models", "echo-state"]):
        assert run([*words, "--width", "32", "--json"]) == 0
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        row = found["costs"] if len(words) > 1 else next(row for row in found if row["name"] == "echo-state")
        told.add(row["fixed"])
    assert told == {32 * 32 + round(0.1 * 32 * 32)}


def test_layers_that_are_no_arms_are_listed_apart_and_described(capsys: pytest.CaptureFixture[str]):
    assert run(["models", "--width", "8", "--json"]) == 0
    said = capsys.readouterr().out
    arms, others = said.split("no arms of a comparison")
    assert {row["name"] for row in json.loads(said.splitlines()[-1])} == set(CATALOG)
    for name, entry in CATALOG.items():
        is_arm = issubclass(entry.layer, SequenceLayer) and not issubclass(entry.layer, Decoder)
        assert (name in SEQUENCE_LAYERS) == is_arm
        assert (f" {name} " in arms) == is_arm
        assert is_arm or f" {name} " in others
    for name in sorted(CATALOG.keys() - SEQUENCE_LAYERS):
        assert run(["models", name]) == 0
        assert inspect.getdoc(CATALOG[name].layer).splitlines()[0] in capsys.readouterr().out


def test_blocks_are_listed_and_every_layer_of_a_hybrid_is_described(capsys: pytest.CaptureFixture[str]):
    assert run(["models", "--width", "8"]) == 0
    said = capsys.readouterr().out
    assert all(f" {name} " in said and block.equation in said for name, block in BLOCKS.items())
    assert run(["models", "gru+lru+gru", "--json"]) == 0
    said = capsys.readouterr().out
    assert said.count("Options of gru, --set layer.gru.NAME=VALUE; its width is --width: ") == 1
    assert said.count("Options of lru, --set layer.lru.NAME=VALUE; its width is --width: ") == 1
    assert "input_size=(" not in said
    assert json.loads(said.splitlines()[-1])["options"].keys() == {"gru", "lru"}


def test_a_layer_that_is_told_twice_is_described_once_and_an_unknown_one_refused_before(
    capsys: pytest.CaptureFixture[str],
):
    assert run(["models", "gru+gru", "--width", "8", "--json"]) == 0
    twice = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert run(["models", "gru", "--width", "8", "--json"]) == 0
    assert twice == {**json.loads(capsys.readouterr().out.splitlines()[-1]), "name": "gru+gru"}
    assert run(["models", "gru+grx"]) == 2
    said, refused = capsys.readouterr()
    assert said == ""
    assert "unknown model 'grx'" in refused


def test_a_model_is_described_as_the_catalog_has_it_with_what_it_costs(capsys: pytest.CaptureFixture[str]):
    assert run(["models", "irnn", "--width", "8", "--json"]) == 0
    *said, told = capsys.readouterr().out.splitlines()
    assert (
        "Options of irnn, --set layer.NAME=VALUE; its width is --width: activation=relu, initialization=identity"
        in said
    )
    assert "From Python: from statewise.layers.recurrent.rnn import RNN" in said
    assert "Family: recurrent. Paper: Le, Jaitly & Hinton 2015." in said
    assert said[-1].startswith("One block at width 8,")
    assert "parameters 144, state bytes 32, " in said[-1]
    assert json.loads(told)["options"] == {"activation": "relu", "initialization": "identity"}
    assert json.loads(told)["costs"]["parameters"] == 8 * (8 + 8 + 2)
    assert run(["models", "attention", "--width", "7"]) == 0
    assert "At width 7 there is none" in capsys.readouterr().out
    assert run(["models", "lstm", "--width", "0"]) == 2


def test_an_option_is_set_as_its_description_says(in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["models", "gru"]) == 0
    flag, name = re.search(r"Options of gru, (--set) (layer\.)NAME=VALUE", capsys.readouterr().out).groups()
    assert run(["train", "parity", *SMALL, "--model", "gru", flag, f"{name}keep_bias=2.0", "--out", "run"]) == 0
    assert json.loads(Path("run/config.json").read_text())["model"]["options"]["keep_bias"] == 2.0
    capsys.readouterr()
    assert run(["tasks", "forecast"]) == 0
    said = capsys.readouterr().out
    assert "Options of forecast, --task-options NAME=VALUE; source is the file that is named in place of fore" in said
    assert ': target="", columns="", horizon=1, ' in said
    assert "source=" not in said


@pytest.mark.parametrize("name", sorted(CATALOG.keys() - SEQUENCE_LAYERS))
def test_what_is_no_arm_is_refused_with_what_it_reads(name: str, capsys: pytest.CaptureFixture[str]):
    for command in (["train", "parity", "--model", name], ["compare", "parity", "--models", f"lstm,{name}"]):
        assert run(command) == 2
        assert f"{name} reads {CATALOG[name].reads}, which" in capsys.readouterr().err
