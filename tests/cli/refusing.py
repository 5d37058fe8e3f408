import pytest

from statewise.cli.dispatch import run


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a refused command says; whatever it says must be one line on stderr and exit code 2."""
    try:
        code = run(words)
    except SystemExit as error:
        code = int(error.code or 0)
    said = capsys.readouterr().err
    assert code == 2, said
    assert "Traceback" not in said
    return said
