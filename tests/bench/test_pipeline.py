import pytest

from streamcls.bench.parts import Cost
from streamcls.bench.pipeline import floor
from tests.bench.examples import DECODE, INFER, PREPROCESS


def test_parts_share_all_cores() -> None:
    found = floor({"decode": DECODE, "preprocess": PREPROCESS, "infer": INFER}, 2)
    assert found.fps == pytest.approx(2 * 1000 / 13)
    assert found.bottleneck == "infer"
    assert found.why == "inference takes 6.0 of 13.0 ms CPU a frame"


def test_the_decoder_has_one_thread() -> None:
    found = floor({"decode": DECODE, "preprocess": PREPROCESS, "infer": INFER}, 16)
    assert found.fps == pytest.approx(200)
    assert found.bottleneck == "decode"
    assert "one thread, which does 200 frames/s at the most" in found.why


def test_what_other_programs_took_is_not_the_decoders() -> None:
    found = floor({"decode": Cost(5.0, 50.0), "preprocess": PREPROCESS, "infer": INFER}, 2)
    assert found.bottleneck == "infer"


def test_so_has_the_video() -> None:
    costs = {"decode": DECODE, "preprocess": PREPROCESS, "infer": INFER}
    costs |= {"convert": Cost(2.0, 2.0), "encode": Cost(24.0, 8.0)}  # x264 has threads of its own
    found = floor(costs, 16)
    assert found.fps == pytest.approx(100)
    assert found.bottleneck == "encode"
    assert floor(costs, 2).fps == pytest.approx(2 * 1000 / 39)
