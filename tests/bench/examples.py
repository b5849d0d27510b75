"""What a bench finds, for tests of what becomes of it."""

from streamcls.bench.parts import Cost
from streamcls.bench.pipeline import PipelineFound, Whole, floor
from streamcls.bench.rows import Row
from streamcls.bench.torch_forms import Form

PNG = b"\x89PNG\r\n\x1a\n"
DECODE, PREPROCESS, INFER = Cost(5.0, 5.0), Cost(2.0, 2.0), Cost(6.0, 6.0)


def form(name: str, ms: float | None, max_change: float | None = 0.0) -> Form:
    return Form(name, batch=4, threads=1, ms=ms, max_change=max_change)


def speeds(engine: str, threads: int, agreement: float | None) -> Row:
    rate = 30.0 * threads
    return Row(
        engine, "fp32", threads, 224, 1.0, 100.0, 20.0, 30.0, rate, (rate - 1, rate + 1), agreement
    )


def found_pipeline() -> PipelineFound:
    costs = {"decode": DECODE, "preprocess": PREPROCESS, "infer": INFER}
    best = floor(costs, 2)
    run = Whole("CSV", 100.0, (90.0, 110.0), 14.0, tuple(costs), best, 100 / best.fps)
    return PipelineFound("onnx fp32", 40, 2, costs, [run])
