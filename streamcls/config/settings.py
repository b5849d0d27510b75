"""Every setting: its name, type, default, limits and description stand here and nowhere else."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from streamcls.config.types import (
    Address,
    File,
    Integer,
    Metavar,
    Name,
    Number,
    Positive,
    Rotate,
    Seconds,
    SecondsAboveZero,
    WrittenBy,
)
from streamcls.records import ENGINES, PRECISIONS

if TYPE_CHECKING:
    Backend: TypeAlias = str
    Precision: TypeAlias = str
else:  # which type checkers can't follow
    Backend = Literal["auto", *ENGINES]
    Precision = Literal["auto", *PRECISIONS]


class Group(BaseModel):
    """Some settings that belong together; unknown keys are mistakes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
    )


class SampleSettings(Group):
    """Which part of the source is read, and which of its frames are classified."""

    every: Positive | None = None
    """Classify every N-th frame."""
    fps: Annotated[Number, Field(gt=0), Metavar("R")] | None = None
    """Classify at most R frames a second of media time."""
    start: Seconds | None = None
    """Begin at this media time, in seconds (the `pts_s` of the CSV)."""
    duration: SecondsAboveZero | None = None
    """Stop so many seconds later, of media time; of live sources so long after the start."""

    @field_validator("fps")
    @classmethod
    def _not_with_every(cls, fps: float | None, given: ValidationInfo) -> float | None:
        if fps is not None and given.data.get("every") is not None:
            raise ValueError("can't be given together with `every`")
        return fps


class ModelSettings(Group):
    """What classifies."""

    name: Annotated[Name, Metavar("NAME_OR_PATH")] = "resnet18"
    """A classifier of torchvision by name, `demo`, a model folder or a bundle."""
    weights: File | None = None
    """Weights file: a state_dict, or a checkpoint with its own classes."""
    labels: File | None = None
    """Class names, one a line, in the order of the model's outputs."""
    backend: Backend = Field(
        default="auto",
        description=f"The engine: {', '.join(ENGINES)}; auto takes the fastest one installed.",
    )
    precision: Precision = Field(
        default="auto",
        description=f"How it computes: {', '.join(PRECISIONS)}; auto takes the fastest one that "
        "gives the same labels.",
    )
    input_size: Annotated[Integer, Field(ge=32, le=1024), Metavar("PX")] | None = None
    """Side of the square the model sees, in px; a smaller one is faster and less accurate."""


class PostprocessSettings(Group):
    """What becomes of the probabilities."""

    top_k: Annotated[Integer, Field(ge=1, le=1000)] = 3
    """How many labels are shown and written for each frame."""
    threshold: Annotated[Number, Field(ge=0, le=1), Metavar("P")] = 0.3
    """Smoothed probability that the steady label needs; below it is `unknown`."""
    smoothing: Seconds = 0.3
    """Time constant of the smoothing in seconds; 0 is none."""
    dwell: Seconds = 0.2
    """How long, in seconds, another label must lead before the steady label changes."""


class ConnectionSettings(Group):
    """How a live source is reached, and when it is given up."""

    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP carries the pictures: tcp or udp."""
    connect_timeout: SecondsAboveZero = 10.0
    """For how many seconds a source may leave a new connection without an answer."""
    read_timeout: SecondsAboveZero = 5.0
    """After how many seconds of silence a connection is given up for a new one."""
    max_retries: Annotated[Integer, Field(ge=0)] | None = None
    """Give up after so many tries in a row; without it, never."""
    retry_for: Seconds | None = None
    """Give up when so many seconds of trying were of no use; without it, never."""


class SignalSettings(Group):
    """When the pictures of a live source are not to be trusted."""

    stale_after: SecondsAboveZero = 2.0
    """Without a frame for so many seconds the source is `stale`."""
    frozen_after: Seconds = 10.0
    """A picture that stays the same to the bit for so many seconds is `frozen`; 0 allows it."""
    max_delay: SecondsAboveZero = 0.5
    """A frame that was held up on its way for more seconds than this gets no label."""


class OutputSettings(Group):
    """What is written. With no output at all the segments are printed."""

    show: bool | None = None
    """Show a window; without a say, for a webcam where there is a display."""
    csv: Annotated[File | None, WrittenBy("csv_log", rotates=True)] = None
    """A row for each classified frame; `-` is standard output."""
    events: Annotated[File | None, WrittenBy("segments")] = None
    """Segments of the steady label; the ending says the format: .csv, .json or .vtt."""
    video: Annotated[File | None, WrittenBy("annotated_video", rotates=True)] = None
    """Annotated video, MP4."""
    rotate: Rotate | None = None
    """Begin new CSV and video files after this time or size: 1h, 500MB (live sources)."""
    stats: Annotated[File | None, WrittenBy("stats")] = None
    """Ledger of frames, speed and memory, as JSON; rewritten every 10 s for live sources."""
    font: File | None = None
    """Font for the annotated video, where the one found on the system lacks a character."""
    overwrite: bool = False
    """Replace outputs that exist."""


class RuntimeSettings(Group):
    """How it runs."""

    threads: Positive | None = None
    """How many CPU threads to use; without it, as many as this process may run on."""
    queue_size: Positive = 1
    """How many frames of a live source may wait for the classifier."""
    queue_policy: Literal["newest", "block"] = "newest"
    """What happens when too many wait: `newest` lets the oldest go, `block` holds the source up."""


class Settings(Group):
    """All settings of one run."""

    source: Annotated[Address, Field(repr=False)]
    """A video file, a webcam (0, /dev/video0), or the address of a stream (rtsp://, http://, sim://)."""
    camera: Name | None = None
    """Name of the source in rows and events; without it, the file's or the host's name."""
    sample: SampleSettings = SampleSettings()
    """Which part of the source is read, and which of its frames are classified."""
    model: ModelSettings = ModelSettings()
    """What classifies."""
    postprocess: PostprocessSettings = PostprocessSettings()
    """What becomes of the probabilities."""
    connection: ConnectionSettings = ConnectionSettings()
    """How a live source is reached, and when it is given up."""
    signal: SignalSettings = SignalSettings()
    """When the pictures of a live source are not to be trusted."""
    outputs: OutputSettings = OutputSettings()
    """What is written."""
    runtime: RuntimeSettings = RuntimeSettings()
    """How it runs."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_groups(cls, values: object) -> object:
        """A group whose keys are all commented out reads as null; it is as good as not there."""
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if value is not None}
