import dataclasses
import inspect

import numpy as np
import pytest

from streamcls import records
from tests.fakes import prediction, result

# A box is a part of settings, too, which are compared.
RECORDS = [
    found for name, found in inspect.getmembers(records, dataclasses.is_dataclass) if name != "Box"
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_records_are_frozen_slotted_and_compared_by_identity(record: type) -> None:
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(record)
    assert "__eq__" not in vars(record)


def test_top_is_ordered_and_ties_go_by_class_number() -> None:
    top = prediction(0.2, 0.6, 0.2).top(3)
    assert [(s.label, s.class_id) for s in top] == [("dog", 1), ("cat", 0), ("bird", 2)]
    assert top[0].prob == pytest.approx(0.6)


def test_top_gives_what_there_is() -> None:
    assert len(prediction(0.7, 0.3).top(5)) == 2


def test_top_of_a_result_falls_back_to_the_last_answer() -> None:
    unclassified = result(1, raw=None)
    assert unclassified.raw is None
    assert unclassified.top(1)[0].label == "cat"


def test_probabilities_keep_their_type() -> None:
    assert prediction().probs.dtype == np.float32
