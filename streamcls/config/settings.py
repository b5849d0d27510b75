"""Every setting: its name, type, default, limits and description stand here and nowhere else."""

import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from streamcls.config.types import (
    Address,
    Bytes,
    File,
    FileOnly,
    Integer,
    Labels,
    Metavar,
    Name,
    Number,
    Positive,
    Region,
    Rotate,
    Seconds,
    SecondsAboveZero,
    WrittenBy,
)
from streamcls.records import ENGINES, PRECISIONS, Box

if TYPE_CHECKING:
    Backend: TypeAlias = str
    Precision: TypeAlias = str
else:  # which type checkers can't follow
    Backend = Literal["auto", *ENGINES]
    Precision = Literal["auto", *PRECISIONS]


_PLAIN = re.compile(r"\w[\w .-]*")
_LONGEST = 64  # characters of a name: it stands in names of files, of which more comes


def check_plain(name: str) -> None:
    """Raises for a name that can't stand in topics and file names as it is."""
    if len(name) > _LONGEST:
        raise ValueError(f"should have no more than {_LONGEST} characters")
    if not _PLAIN.fullmatch(name) or name.strip() != name:
        raise ValueError(f"should be made of letters, digits, spaces and . _ -, not {name!r}")


def _number(value: object) -> object:
    """The command line gives text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class Group(BaseModel):
    """Some settings that belong together; unknown keys are mistakes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
    )


class Groups(Group):
    """Groups in a group."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_groups(cls, values: object) -> object:
        """A group whose keys are all commented out reads as null; it is as good as not there."""
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if value is not None}


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
    allow: Labels | None = None
    """Only these labels, by the model's names; all others are left out."""
    deny: Labels | None = None
    """All labels but these, by the model's names."""
    aliases: Annotated[dict[Name, Name], FileOnly()] = {}
    """Other names for labels: `bolt_ok: OK`. Labels with the same alias count as one."""

    @field_validator("deny")
    @classmethod
    def _not_with_allow(cls, deny: object, given: ValidationInfo) -> object:
        if deny is not None and given.data.get("allow") is not None:
            raise ValueError("can't be given together with `allow`")
        return deny


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
    jsonl: Annotated[File | None, WrittenBy("json_lines", rotates=True)] = None
    """The same as JSON Lines, an object for each classified frame."""
    events: Annotated[File | None, WrittenBy("segments", rotates=True)] = None
    """Segments of the steady label; the ending says the format: .csv, .json, .jsonl or .vtt."""
    snapshots: Annotated[File | None, WrittenBy("snapshots")] = None
    """Folder for a JPEG of each segment's first picture (live sources)."""
    video: Annotated[File | None, WrittenBy("annotated_video", rotates=True)] = None
    """Annotated video, MP4."""
    rotate: Rotate | None = None
    """Begin new files after this time or size: 1h, 500MB (live sources)."""
    keep: SecondsAboveZero | None = None
    """Delete an output's files that are older than this: 30d (live sources)."""
    keep_size: Bytes | None = None
    """Delete an output's oldest files when all of it is larger than this: 10GB (live sources)."""
    stats: Annotated[File | None, WrittenBy("stats")] = None
    """Ledger of frames, speed and memory, as JSON; rewritten every 10 s for live sources."""
    font: File | None = None
    """Font for the annotated video, where the one found on the system lacks a character."""
    overwrite: bool = False
    """Replace outputs that exist."""


class CaptureSettings(Group):
    """Which pictures of a live source are collected to train on."""

    folder: File | None = None
    """Where they go, with the prediction beside each; without it none are collected."""
    uncertain: Annotated[Number, Field(ge=0, le=1), Metavar("P")] | None = 0.5
    """Pictures whose best label is less probable than this."""
    changing: bool = True
    """Pictures at which the steady label changes."""
    random: SecondsAboveZero | None = 600.0
    """One picture in about so long, whatever it shows."""
    max_count: Positive = 10_000
    """How many of a camera are kept; the oldest go first."""
    max_size: Bytes = 1_000_000_000
    """How large a camera's may be together; the oldest go first."""
    max_age: SecondsAboveZero = 30 * 86400.0
    """How long they are kept."""


class RuntimeSettings(Group):
    """How it runs."""

    threads: Positive | None = None
    """How many CPU threads to use; without it, as many as this process may run on."""
    queue_size: Positive = 1
    """How many frames of a live source may wait for the classifier."""
    queue_policy: Literal["newest", "block"] = "newest"
    """What happens when too many wait: `newest` lets the oldest go, `block` holds the source up."""


class CameraSettings(Groups):
    """Everything that may differ between the cameras of one run."""

    source: Annotated[Address, Field(repr=False)]
    """A video file, a webcam (0, /dev/video0), or the address of a stream (rtsp://, http://, sim://)."""
    camera: Name | None = None
    """Name of the source in rows and events; without it, the file's or the host's name."""
    rotation: Annotated[Literal[0, 90, 180, 270], BeforeValidator(_number), Metavar("DEGREES")] = 0
    """By how much the pictures are turned, clockwise: 0, 90, 180 or 270 (live sources)."""
    regions: Annotated[dict[Name, Region], FileOnly()] = {}
    """Parts of the picture that are classified instead of the whole: `left: [0, 0, 0.5, 1]`."""
    sample: SampleSettings = SampleSettings()
    """Which part of the source is read, and which of its frames are classified."""
    postprocess: PostprocessSettings = PostprocessSettings()
    """What becomes of the probabilities."""
    connection: ConnectionSettings = ConnectionSettings()
    """How a live source is reached, and when it is given up."""
    signal: SignalSettings = SignalSettings()
    """When the pictures of a live source are not to be trusted."""
    outputs: OutputSettings = OutputSettings()
    """What is written."""
    capture: Annotated[CaptureSettings, FileOnly()] = CaptureSettings()
    """Which pictures are collected to train on."""

    @field_validator("regions")
    @classmethod
    def _plain_names(cls, regions: dict[str, Box]) -> dict[str, Box]:
        for name in regions:
            check_plain(name)
        return regions


class Settings(CameraSettings):
    """All settings of a run over one source."""

    model: ModelSettings = ModelSettings()
    """What classifies."""
    runtime: RuntimeSettings = RuntimeSettings()
    """How it runs."""


OPTION_NAMES: dict[tuple[str, ...], str] = {
    ("model", "name"): "model",
    ("connection", "transport"): "rtsp_transport",
}
"""Settings whose options have other names: what the group `model` calls `name` is --model."""
