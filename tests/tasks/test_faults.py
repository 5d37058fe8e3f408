"""The rules bite: tasks with one fault each, noticed by the rule that names it."""

import pytest

from statewise.tasks import RULES, TaskBroken, check

from . import wrong_data, wrong_forms, wrong_objectives, wrong_standards
from .echo import Echo

FAULTS = {**wrong_forms.FAULTS, **wrong_data.FAULTS, **wrong_objectives.FAULTS, **wrong_standards.FAULTS}


def test_the_task_that_faults_are_planted_in_has_none():
    check(Echo())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed_by_the_rule_that_names_it(fault: str):
    rule, make, place = FAULTS[fault]
    with pytest.raises(TaskBroken) as broken:
        check(make())
    assert broken.value.rule == rule, broken.value
    assert place in str(broken.value)


def test_every_rule_has_a_fault():
    assert {rule for rule, _, _ in FAULTS.values()} == set(RULES)
