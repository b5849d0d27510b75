from dataclasses import replace

import pytest

from streamcls.cli.run import length_s
from streamcls.config.settings import SampleSettings
from tests.fakes import info


@pytest.mark.parametrize(
    ("stated", "begins", "sample", "expected"),
    [
        (10.0, 0.0, SampleSettings(), 10.0),
        (10.0, 0.0, SampleSettings(start=4), 6.0),
        (10.0, 0.0, SampleSettings(duration=3), 3.0),
        (10.0, 0.0, SampleSettings(start=8, duration=3), 2.0),
        (10.0, 1.5, SampleSettings(start=4), 7.5),
        (10.0, 5.0, SampleSettings(start=4), 10.0),
        (None, 0.0, SampleSettings(start=4), None),
        (None, 0.0, SampleSettings(duration=3), 3.0),
    ],
)
def test_progress_is_of_the_part_that_is_asked_for(
    stated: float | None, begins: float, sample: SampleSettings, expected: float | None
) -> None:
    assert length_s(replace(info(), duration_s=stated, start_s=begins), sample) == expected
