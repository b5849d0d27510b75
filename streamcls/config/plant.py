"""The settings of a run over many cameras: those of each, and what all share."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from streamcls.config.settings import (
    CameraSettings,
    CaptureSettings,
    ConnectionSettings,
    Group,
    Groups,
    ModelSettings,
    OutputSettings,
    PostprocessSettings,
    RuntimeSettings,
    SampleSettings,
    SignalSettings,
    check_plain,
)
from streamcls.config.types import (
    Address,
    Bytes,
    File,
    Integer,
    Name,
    Password,
    SecondsAboveZero,
)

_PORT = Field(ge=1, le=65535)


class PlantCamera(CameraSettings):
    """One of the cameras."""

    camera: Name
    """Its name in rows, events, topics and metrics."""
    required: bool = False
    """End the run if this camera can't be had; without retries of its own, after a minute."""
    alerts: bool = True
    """Send its events to MQTT and the webhook."""

    @field_validator("camera")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        check_plain(name)
        return name


class Defaults(Groups):
    """Settings of every camera that does not say otherwise."""

    rotation: Literal[0, 90, 180, 270] = 0
    """By how much the pictures are turned, clockwise."""
    required: bool = False
    """End the run if a camera can't be had."""
    alerts: bool = True
    """Send events to MQTT and the webhook."""
    sample: SampleSettings = SampleSettings()
    """Which frames are classified."""
    postprocess: PostprocessSettings = PostprocessSettings()
    """What becomes of the probabilities."""
    connection: ConnectionSettings = ConnectionSettings()
    """How a source is reached, and when it is given up."""
    signal: SignalSettings = SignalSettings()
    """When the pictures are not to be trusted."""
    outputs: OutputSettings = OutputSettings()
    """What is written; `{camera}` in a name is the camera's."""
    capture: CaptureSettings = CaptureSettings()
    """Which pictures are collected to train on."""


class MqttSettings(Group):
    """The broker that gets events and states."""

    host: Name
    """Name or address of the broker."""
    port: Annotated[Integer, _PORT] | None = None
    """Its port; without it 1883, with TLS 8883."""
    username: Name | None = None
    """User at the broker."""
    password: Annotated[Password | None, Field(repr=False)] = None
    """Their password, as `${NAME}` from the environment."""
    tls: bool = False
    """Whether the connection is encrypted."""
    ca_file: File | None = None
    """Certificate of who signed the broker's; without it, those that the system trusts."""
    cert_file: File | None = None
    """Certificate of ours, for brokers that ask for one."""
    key_file: File | None = None
    """Its key."""
    topic: Name = "streamcls"
    """What all topics begin with; two runs at one broker need two."""
    client_id: Name | None = None
    """Name of the connection at the broker; without it, a new one each time."""
    keepalive: Annotated[SecondsAboveZero, Field(le=65535)] = 30.0
    """How often the connection is looked after."""
    discovery: bool = True
    """Tell Home Assistant of the cameras."""
    discovery_prefix: Name = "homeassistant"
    """What the topics that Home Assistant listens to begin with."""

    @field_validator("topic", "discovery_prefix")
    @classmethod
    def _topic(cls, topic: str) -> str:
        if set("+#\0") & set(topic) or topic.startswith(("/", "$")) or topic.endswith("/"):
            raise ValueError(f"should be a topic without + and #, not {topic!r}")
        return topic

    @model_validator(mode="after")
    def _certificates(self) -> "MqttSettings":
        given = [name for name in ("ca_file", "cert_file", "key_file") if getattr(self, name)]
        if given and not self.tls:
            raise ValueError(f"`{given[0]}` needs `tls: true`")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` need each other")
        return self


class WebhookSettings(Group):
    """The address that events are posted to."""

    url: Annotated[Address, Field(repr=False)]
    """http:// or https://; may hold `${NAME}`."""
    secret: Annotated[Password | None, Field(repr=False)] = None
    """Key of the signature that each message carries, as `${NAME}` from the environment."""
    timeout: SecondsAboveZero = 10.0
    """How long an answer may take."""
    ca_file: File | None = None
    """Certificate of who signed the receiver's; without it, those that the system trusts."""

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.lower().startswith(("http://", "https://")) and not url.startswith("${"):
            raise ValueError("should begin with http:// or https://")
        return url


class HttpSettings(Group):
    """The small HTTP listener for /metrics, /healthz and /readyz."""

    listen: Name = "127.0.0.1:9108"
    """Address and port; 0.0.0.0:9108 is reached from everywhere, and there is no password."""

    @field_validator("listen")
    @classmethod
    def _address(cls, listen: str) -> str:
        host, separator, port = listen.rpartition(":")
        if not (separator and host and port.isdecimal() and 0 <= int(port) <= 65535):
            raise ValueError(f"should be an address and a port like 127.0.0.1:9108, not {listen!r}")
        return listen


class SpoolSettings(Group):
    """Where events wait for MQTT and the webhook while those can't be had."""

    folder: File = Field(default="spool", validate_default=True)
    """The folder; it outlives the run."""
    max_size: Bytes = 100_000_000
    """How large the waiting events of one receiver may be; the oldest go first."""
    max_age: SecondsAboveZero = 7 * 86400.0
    """How long an event waits at the most."""


class PlantSettings(Groups):
    """All settings of a run over many cameras."""

    defaults: Defaults = Defaults()
    """Settings of every camera that does not say otherwise."""
    cameras: Annotated[tuple[PlantCamera, ...], Field(min_length=1)]
    """The cameras."""
    model: ModelSettings = ModelSettings()
    """What classifies, for all cameras."""
    runtime: RuntimeSettings = RuntimeSettings()
    """How it runs."""
    mqtt: MqttSettings | None = None
    """The broker that gets events and states."""
    webhook: WebhookSettings | None = None
    """The address that events are posted to."""
    http: HttpSettings | None = None
    """The small HTTP listener for /metrics, /healthz and /readyz."""
    spool: SpoolSettings = SpoolSettings()
    """Where events wait for MQTT and the webhook while those can't be had."""

    @field_validator("cameras")
    @classmethod
    def _different_names(cls, cameras: tuple[PlantCamera, ...]) -> tuple[PlantCamera, ...]:
        names = [camera.camera.casefold() for camera in cameras]
        twice = next((c.camera for c in cameras if names.count(c.camera.casefold()) > 1), None)
        if twice is not None:
            raise ValueError(f"two cameras are called {twice!r}")
        return cameras
