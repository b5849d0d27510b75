import math
import shutil

import pytest

from streamcls.bench.torch_forms import Form, chosen, known_forms
from tests.bench.examples import form


@pytest.mark.parametrize(
    ("others", "used"),
    [
        ([form("torchscript", 8.9)], "torchscript"),
        ([form("torchscript", 8.9), form("compile", 8.0)], "compile"),
        ([form("torchscript", 9.1)], "eager"),  # not worth it
        ([form("torchscript", 5.0, 2e-3)], "eager"),  # wrong
        ([form("torchscript", 5.0, math.nan)], "eager"),
        ([form("torchscript", 5.0, 2e-3), form("compile", 8.0)], "compile"),
        ([form("torchscript", None, None)], "eager"),  # does not run
        ([], "eager"),
    ],
)
def test_the_fastest_correct_form_is_used(others: list[Form], used: str) -> None:
    found = chosen([form("eager", 10.0), *others])
    assert [one.form for one in found if one.used] == [used]


def test_compile_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/g++" if name == "g++" else None)
    assert known_forms() == ["eager", "torchscript", "compile"]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert known_forms() == ["eager", "torchscript"]
