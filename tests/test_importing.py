"""Import paths of a person's own layers and tasks: one sentence where they do not import."""

from pathlib import Path

import pytest

from statewise.errors import UserError
from statewise.importing import import_object, import_path

BROKEN = {
    "syntax": ("class Mine(", "SyntaxError"),
    "name": ("class Mine(Layer): ...", "NameError: name 'Layer' is not defined"),
    "import": ("import no_such_library", "No module named 'no_such_library'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_module_that_does_not_import_is_named_with_the_cause(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    content, cause = BROKEN[kind]
    (tmp_path / f"broken_{kind}.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=cause) as refused:
        import_object(f"broken_{kind}:Mine")
    assert f"broken_{kind}" in str(refused.value)


def test_a_module_that_is_not_there_says_where_it_is_looked_for():
    with pytest.raises(UserError, match=r"run statewise in the folder of no_such_module.py"):
        import_object("no_such_module:Mine")


def test_a_name_that_is_not_there_gets_the_nearest():
    with pytest.raises(UserError, match="unknown name in fractions 'Fractoin'; did you mean 'Fraction'"):
        import_object("fractions:Fractoin")


def test_a_class_that_workers_could_not_import_is_refused():
    class Local: ...

    with pytest.raises(UserError, match=r"cannot import .*Local from a notebook or a function"):
        import_path(Local)
