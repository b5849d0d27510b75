"""A settings file with one live source, taken for a plant with one camera."""

from streamcls.builders.source import is_live, live_camera
from streamcls.config.plant import PlantCamera, PlantSettings
from streamcls.config.settings import CameraSettings, Settings, check_plain
from streamcls.errors import SettingsError

_NAME = "camera"  # where the address makes none that topics and files can have


def as_plant(found: Settings | PlantSettings) -> PlantSettings:
    """The settings of a file as those of a plant.

    Raises:
        SettingsError: the source is a recording.
    """
    if isinstance(found, PlantSettings):
        return found
    if not is_live(found.source):
        raise SettingsError("source: a recording; `cameras:` or one live source is needed here")
    own = {name: getattr(found, name) for name in CameraSettings.model_fields}
    camera = PlantCamera(**{**own, "camera": _plain(live_camera(found))})
    return PlantSettings(cameras=(camera,), model=found.model, runtime=found.runtime)


def _plain(name: str) -> str:
    try:
        check_plain(name)
    except ValueError:
        return _NAME
    return name
