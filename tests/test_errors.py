import inspect

import pytest

from streamcls import errors
from streamcls.errors import SignalLostError, StreamclsError

SAID = "can't open rtsp://anna:geheim@10.0.0.7/cam"
MASKED = "can't open rtsp://anna:***@10.0.0.7/cam"
ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, StreamclsError)
]


@pytest.mark.parametrize("kind", ALL)
def test_no_error_tells_a_password(kind: type[StreamclsError]) -> None:
    error = kind(SAID)
    assert str(error) == MASKED
    assert "geheim" not in repr(error)
    assert "geheim" not in str(error.args)


@pytest.mark.parametrize("kind", ALL)
def test_each_is_drawn_in_the_tree_and_has_an_exit_code(kind: type[StreamclsError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind("x").exit_code in (1, 2)


def test_a_loss_says_whether_trying_soon_is_of_no_use() -> None:
    assert SignalLostError("wrong password", hold=True).hold
    assert not SignalLostError("refused").hold
