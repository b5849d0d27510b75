"""What every backend promises, over all of them."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streamcls.inference.agreement import answers
from streamcls.inference.engines import format_of, precisions
from streamcls.inference.torch_backend import TorchBackend
from streamcls.inference.torchvision_models import Network
from streamcls.protocols import Backend
from streamcls.records import ENGINES
from tests.inference.networks import noise, reference

Make = Callable[[str, int, int], Backend]

# How far a probability may be from that of torch in float32; bfloat16 has 8 bits.
TOLERANCE = {
    "torch fp32": 1e-4,
    "torch fp32 (torchscript)": 1e-4,
    "torch bf16": 0.1,
    "onnx fp32": 1e-4,
    "openvino fp32": 1e-4,
    "openvino bf16": 0.1,
}
BATCH, CALLERS = 4, 3

every_backend = pytest.mark.parametrize("name", TOLERANCE)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def make(imagenet: Network, converted: Mapping[str, Path]) -> Make:
    """Backends by name: make("onnx fp32", batch, parallel), one thread a call, made once."""

    @cache
    def made(name: str, batch: int, parallel: int) -> Backend:
        engine, precision, *form = name.replace("(", "").replace(")", "").split()
        if engine == "torch":
            return TorchBackend(
                imagenet,
                batch=batch,
                threads=1,
                precision=precision,
                form=form[0] if form else "eager",
            )
        load = format_of(engine).load
        return load(
            converted[engine],
            precision=precision,
            side=224,
            batch=batch,
            parallel=parallel,
            threads=1,
        )

    made("openvino fp32", BATCH, 1)  # holds its file open from here on, not from some test on
    return made


@pytest.fixture(scope="module")
def expected(imagenet: Network, photographs: NDArray[np.uint8]) -> NDArray[np.float32]:
    return reference(imagenet, photographs)


def test_no_engine_and_no_precision_is_left_out() -> None:
    """Those in int8 are made and measured by the tests of quantisation."""
    able = {f"{name} {one}" for name in ENGINES for one in precisions(name) if one != "int8"}
    assert {" ".join(name.split()[:2]) for name in TOLERANCE} >= able
    assert {name.split()[0] for name in TOLERANCE} == set(ENGINES)


@every_backend
def test_its_name_is_engine_and_precision(name: str, make: Make) -> None:
    assert make(name, BATCH, 1).name == name


@every_backend
def test_answers_are_those_of_the_plain_model(
    name: str, make: Make, photographs: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    found = answers(make(name, BATCH, 1), list(photographs), BATCH)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[name])
    sure = expected.max(axis=1) > 0.6
    assert sure.sum() >= 12
    np.testing.assert_array_equal(found.argmax(axis=1)[sure], expected.argmax(axis=1)[sure])


@every_backend
@pytest.mark.parametrize("batch", [1, BATCH])
def test_answers_are_probabilities(name: str, batch: int, make: Make) -> None:
    found = make(name, batch, 1).infer(noise(batch))
    assert found.shape == (batch, 1000)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@every_backend
def test_pictures_are_not_changed_and_answers_are_the_callers_own(
    name: str, make: Make, photographs: NDArray[np.uint8]
) -> None:
    backend = make(name, BATCH, 1)
    pixels = photographs[:BATCH].copy()
    found = backend.infer(pixels)
    np.testing.assert_array_equal(pixels, photographs[:BATCH])
    before = found.copy()
    backend.infer(photographs[BATCH : 2 * BATCH].copy())
    np.testing.assert_array_equal(found, before)
    pixels[:] = 0
    np.testing.assert_array_equal(found, before)
    found[:] = 0  # nobody else sees this
    np.testing.assert_array_equal(backend.infer(photographs[:BATCH].copy()), before)


@every_backend
def test_answers_are_the_same_bits_at_any_place_in_a_batch(
    name: str, make: Make, photographs: NDArray[np.uint8]
) -> None:
    """So a picture's answer depends neither on its neighbours nor on where it is among them."""
    backend = make(name, BATCH, 1)
    pixels = photographs[:BATCH].copy()
    expected = backend.infer(pixels)
    for turn in range(1, BATCH):
        found = backend.infer(np.roll(pixels, turn, axis=0))
        np.testing.assert_array_equal(np.roll(found, -turn, axis=0), expected)
    filled = np.zeros_like(pixels)
    filled[0] = pixels[0]
    np.testing.assert_array_equal(backend.infer(filled)[0], expected[0])


@every_backend
@pytest.mark.parametrize("batch", [1, BATCH])
def test_answers_are_the_same_bits_with_any_number_of_callers(
    name: str, batch: int, make: Make, photographs: NDArray[np.uint8]
) -> None:
    """Other threads than the one that made it, all at once."""
    batches = [photographs[at : at + batch].copy() for at in range(0, 3 * batch, batch)]
    alone = make(name, batch, 1)
    expected = [alone.infer(pixels) for pixels in batches]
    together = make(name, batch, CALLERS)
    with ThreadPoolExecutor(CALLERS) as threads:
        found = list(threads.map(together.infer, batches * 2))
    for one, right in zip(found, expected * 2, strict=True):
        np.testing.assert_array_equal(one, right)
