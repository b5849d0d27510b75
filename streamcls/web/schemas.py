"""What the API takes and gives, as its OpenAPI document describes it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from streamcls.web.job import ResultName


class Model(BaseModel):
    """Of all of them; unknown members are mistakes."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ScoreOut(Model):
    """A class and its probability."""

    label: str
    class_id: int
    prob: float = Field(ge=0, le=1)


class ResultOut(Model):
    """What came of one picture."""

    file: str
    """Its name; of a picture in an archive `archive.zip/name`."""
    top: list[ScoreOut]
    """The most probable classes, best first; empty where there is an error."""
    error: str | None
    """Why it could not be classified."""
    code: str | None
    """The same for programs, as in problems."""


class ResultsOut(Model):
    """What came of all pictures, in their order."""

    results: list[ResultOut]


class ModelOut(Model):
    """What classifies."""

    name: str
    arch: str
    backend: str
    classes: int
    input_size: int
    """px, side of the square that it sees."""
    imagenet: bool
    """Whether its classes are ImageNet's 1,000."""


class LimitsOut(Model):
    """How much is taken."""

    image_bytes: int
    image_pixels: int
    request_bytes: int
    archive_pictures: int
    video_bytes: int


class InfoOut(Model):
    """What this server is."""

    version: str
    ready: bool
    """Whether the model is loaded."""
    model: ModelOut | None
    cameras: int
    folder: bool
    """Whether jobs may name files of a folder of the server's."""
    token: bool
    """Whether a token is needed."""
    limits: LimitsOut


class JobOut(Model):
    """A video file that is classified."""

    id: str
    file: str
    """Its name as it was sent, or its path below the folder."""
    state: Literal["waiting", "running", "done", "failed"]
    progress: float | None
    """0 to 1, where the length of the video is known."""
    frames: int
    """Frames so far."""
    fps: float | None
    """Frames a second."""
    error: str | None
    created_utc: str
    ended_utc: str | None
    expires_utc: str
    duration_s: float | None
    """Length of the video."""
    files: dict[ResultName, str]
    """Where its results are; empty until it is done."""


class JobsOut(Model):
    """All jobs, the newest first."""

    jobs: list[JobOut]


class JobIn(Model):
    """A job over a file that the server has already."""

    path: str = Field(min_length=1, max_length=1000)
    """Below the server's folder."""
    fps: float | None = Field(default=None, gt=0, le=1000)
    """Classify at most so many frames a second of the video."""


class FileOut(Model):
    """A video below the folder."""

    path: str
    bytes: int


class FilesOut(Model):
    """The videos below the folder."""

    files: list[FileOut]


class RegionOut(Model):
    """What is seen in a region of a camera's picture."""

    name: str
    label: str | None
    class_id: int | None
    prob: float
    top: list[ScoreOut]


class CameraOut(Model):
    """A camera and what it sees."""

    name: str
    state: str
    reason: str
    running: bool
    """False where somebody stopped it."""
    fps: float
    labels_fps: float
    age_ms: float | None
    """From the capture of the picture to its label."""
    dropped: int
    label: str | None
    """The steady label; null for unknown."""
    class_id: int | None
    prob: float
    top: list[ScoreOut]
    regions: list[RegionOut]
    source: str
    """Its address, with passwords masked."""
    failed: list[str]
    """Outputs that failed."""


class CamerasOut(Model):
    """All cameras."""

    cameras: list[CameraOut]


class SegmentOut(Model):
    """A stretch of time with one label, or in one state."""

    kind: Literal["label", "state"]
    region: str | None
    label: str
    class_id: int | None
    start_utc: str
    end_utc: str | None
    mean_prob: float
    peak_prob: float
    reason: str
    snapshot: str | None
    """Where a picture of it is."""


class TimelineOut(Model):
    """What a camera saw lately, oldest first."""

    now_utc: str
    hours: float
    segments: list[SegmentOut]


class QueueOut(Model):
    """Requests with pictures."""

    working: int
    room: int


class PicturesOut(Model):
    """Pictures of requests so far."""

    classified: int
    refused: int
    per_s: float
    p50_ms: float | None
    p99_ms: float | None


class JobCountsOut(Model):
    """How many jobs there are."""

    waiting: int
    running: int
    done: int
    failed: int


class LedgerOut(Model):
    """What became of a camera's frames; they add up to those read."""

    read: int
    classified: int
    not_sampled: int
    dropped: dict[str, int]
    rejected: dict[str, int]
    in_flight: int


class OutputOut(Model):
    """What became of an output."""

    written: int
    dropped: int
    failure: str | None


class CameraStatusOut(Model):
    """The numbers of a camera."""

    name: str
    state: str
    ledger: LedgerOut
    fps: float
    labels_fps: float
    age_p50_ms: float | None
    age_p99_ms: float | None
    outputs: dict[str, OutputOut]


class StatusOut(Model):
    """How the server is doing."""

    version: str
    uptime_s: float
    memory_mb: float
    peak_memory_mb: float
    cpus: int
    model: ModelOut | None
    queue: QueueOut
    pictures: PicturesOut
    viewers: int
    jobs: JobCountsOut
    cameras: list[CameraStatusOut]
    log: list[str]


class ProblemOut(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
