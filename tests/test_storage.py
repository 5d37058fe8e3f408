"""Files stand whole or not at all, whatever happens while they are written."""

import errno
import os
from pathlib import Path

import pytest

from statewise import storage
from statewise.errors import UserError
from statewise.storage import holds_config, made, read_json, refuse_change, write_json, write_text


def test_what_is_written_is_read_again(tmp_path: Path):
    write_json(tmp_path / "deep" / "facts.json", {"π": [1, None]})
    assert read_json(tmp_path / "deep" / "facts.json") == {"π": [1, None]}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["facts.json"]


@pytest.mark.parametrize("call", ["write_through", "Path.replace"])
def test_where_writing_fails_the_old_file_stands_and_nothing_is_left_over(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "facts.json"
    write_text(path, "old")

    def fail(place: Path, *rest: object) -> None:
        if call == "write_through":
            place.write_bytes(b"n")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((storage, "write_through") if call == "write_through" else (Path, "replace")), fail)
    with pytest.raises(UserError, match=r"cannot write .*facts.json: No space left on device; free some space"):
        write_text(path, "new")
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"facts.json": "old"}


@pytest.mark.parametrize(("content", "cause"), [('{"a": ', "is damaged"), ("[1]", "not written by statewise")])
def test_a_damaged_file_is_refused(content: str, cause: str, tmp_path: Path):
    (tmp_path / "facts.json").write_text(content)
    with pytest.raises(UserError, match=cause):
        read_json(tmp_path / "facts.json")
    with pytest.raises(UserError, match=r"cannot read .*No such file"):
        read_json(tmp_path / "nothing.json")


def test_a_folder_is_free_found_or_refused(tmp_path: Path):
    assert not holds_config(tmp_path / "a" / "run", "run")
    assert not (tmp_path / "a").exists()
    write_text(tmp_path / "a" / "run" / "config.json", "{}")
    assert holds_config(tmp_path / "a" / "run", "run")
    with pytest.raises(UserError, match="not empty and holds no run"):
        holds_config(tmp_path / "a", "run")
    with pytest.raises(UserError, match="Not a directory; choose another"):
        holds_config(tmp_path / "a" / "run" / "config.json" / "deeper", "run")


def test_a_folder_whose_config_was_half_written_is_still_empty(tmp_path: Path):
    (tmp_path / "config.json.new").write_text('{"task')
    assert not holds_config(tmp_path, "run")


def test_of_work_that_fails_no_empty_folder_is_left(tmp_path: Path):
    def fail(folder: Path, *, leaving: str = "") -> None:
        with made(folder):
            if leaving:
                (folder.parent / leaving).write_text("years of work")
            raise KeyboardInterrupt

    (tmp_path / "known").mkdir()
    for name, leaving in (("a/b/c", ""), ("known", ""), ("kept/d", "thesis.txt")):
        with pytest.raises(KeyboardInterrupt):
            fail(tmp_path / name, leaving=leaving)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {"known", "kept", "kept/thesis.txt"}
    with made(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "a" / "b").is_dir()
    with (
        pytest.raises(UserError, match="Not a directory; choose another"),
        made(tmp_path / "kept" / "thesis.txt" / "e"),
    ):
        pytest.fail("begun all the same")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, "b.c 2 there, 3 here"),
        ({"a": 1}, {"a": 1, "b": 2}, "b empty there, 2 here"),
        ({"b": {}}, {"b": {"c": 2}}, "b.c empty there, 2 here"),
    ],
)
def test_another_config_is_refused_and_the_first_difference_named(before: dict, after: dict, said: str):
    refuse_change(Path("here"), "run", before, before)
    with pytest.raises(UserError, match=f"holds a run with another config .{said}"):
        refuse_change(Path("here"), "run", before, after)


def test_another_config_is_told_a_folder_that_is_free(tmp_path: Path):
    folder = tmp_path / "run"
    for free in ("run-2", "run-3"):
        with pytest.raises(UserError, match=rf"to make another say --out \S+/{free}$"):
            refuse_change(folder, "run", {"a": 1}, {"a": 2})
        (tmp_path / free).mkdir()
    with pytest.raises(UserError, match=r"\(a 1 there, 2 here: it is one\); to go on"):
        refuse_change(folder, "run", {"a": 1}, {"a": 2}, why={"a": "it is one"})


def test_an_empty_value_in_another_config_can_be_seen(tmp_path: Path):
    with pytest.raises(UserError, match=r"\(target empty there, y here\)"):
        refuse_change(tmp_path, "run", {"target": ""}, {"target": "y"})
