"""Which form of an operation runs, and that whoever wants another gets it."""

import pytest

from statewise.ops.forms import Forms


def doubling() -> Forms:
    return Forms("double", {"sum": lambda x: ("sum", x + x), "shift": lambda x: ("shift", x << 1)}, rule)


def rule(x: int) -> str:
    return "shift" if x > 9 else "sum"


def test_the_rule_chooses():
    assert (doubling()(9), doubling()(10)) == (("sum", 18), ("shift", 20))


def test_a_form_in_use_stays_until_the_block_ends_however_it_ends():
    double = doubling()
    with double.use("shift"):
        assert double(1) == ("shift", 2)
        with double.use("sum"):
            assert double(10) == ("sum", 20)
        with pytest.raises(ZeroDivisionError), double.use("sum"):
            1 / 0  # noqa: B018
        assert double(1) == ("shift", 2)
    assert double(1) == ("sum", 2)
    assert doubling()(1) == ("sum", 2)


def test_a_form_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ValueError, match="double has the forms sum, shift, not 'product'"), doubling().use("product"):
        pass
