"""Wrong arguments of fit, evaluate and fit_many: a TypeError that says the right one."""

import inspect

import pytest

from graphkit import evaluate, fit
from graphkit.engine import fit_many
from graphkit.engine.keywords import _ELSEWHERE, says_keywords


@pytest.mark.parametrize(
    ("call", "wrong", "hint"),
    [
        (fit, {"learning_rate": 0.1}, "Did you mean 'lr'?"),
        (fit, {"weight_decay_": 0.1}, "Did you mean 'weight_decay'?"),
        (fit, {"max_epochs": 1}, "Did you mean 'epochs'?"),
        (fit, {"zzz": 1}, "It takes model, task, epochs"),
        (evaluate, {"verbose": True}, "Did you mean 'progress'?"),
        (evaluate, {"bach_size": 1}, "Did you mean 'batch_size'?"),
        (fit_many, {"learning_rate": 0.1}, "Did you mean 'lr'?"),
        (fit_many, {"clip_norm": 1.0}, "It takes models, tasks"),
    ],
)
def test_the_right_one_is_said(call, wrong, hint):
    (name,) = wrong
    with pytest.raises(TypeError) as caught:
        call(None, None, **wrong)
    said = str(caught.value)
    assert said.startswith(f"{call.__name__}() got an unexpected keyword argument '{name}'. ")
    assert hint in said


def test_names_from_elsewhere_are_not_our_own():
    known = {*inspect.signature(fit).parameters, *inspect.signature(evaluate).parameters}
    assert not known & _ELSEWHERE.keys()
    assert set(_ELSEWHERE.values()) <= known


def test_a_right_call_is_passed_on():
    @says_keywords
    def double(x, *, times=2):
        """Twice."""
        return x * times

    assert (double(2), double(x=2, times=3)) == (4, 6)
    assert double.__doc__ == "Twice."
    with pytest.raises(TypeError, match="missing"):
        double()
