import pytest

from statewise.cli.dispatch import run


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a refused command says: one line on stderr, nothing on stdout, and exit code 2."""
    code = run(words)
    said = capsys.readouterr()
    assert code == 2, said
    assert said.out == ""
    assert said.err.startswith("statewise: ")
    assert said.err.count("\n") == 1, said.err
    return said.err
