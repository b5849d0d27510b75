"""streamcls serve"""

import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamcls.cli.log import say, set_level
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import model_line
from streamcls.config.options import from_options
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.config.settings import ModelSettings, RuntimeSettings
from streamcls.errors import MissingPackageError, SettingsError, SourceNotFoundError
from streamcls.runtime import systemd
from streamcls.runtime.stop import Stop

if TYPE_CHECKING:
    from streamcls.web.rules import Rules
    from streamcls.web.site import Site

_LOOK_S = 0.2
_SPARE = 2  # workers of a server without cameras; more don't pay on two CPUs


@click.command(name="serve")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run the cameras of this settings file, too, as `run --config` does.",
)
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Listen there. [127.0.0.1]")
@click.option(
    "--port", default=8080, type=click.IntRange(0, 65535), metavar="N", help="Port. [8080]"
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File with the token that who asks must know; needed to listen beyond this machine.",
)
@click.option(
    "--rate-limit",
    default=20.0,
    type=click.FloatRange(min=0),
    metavar="R",
    help="Requests a second of one client elsewhere; 0 for no limit. [20]",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Another name that this server is asked by, as behind a proxy; may be repeated.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Videos below this folder may be classified without an upload.",
)
@click.option(
    "--jobs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where video files and their results are kept for a day. [in the user's cache]",
)
@settings_options(*MODEL_OPTIONS, "threads")
@verbosity
def command(
    config: Path | None,
    host: str,
    port: int,
    token_file: Path | None,
    rate_limit: float,
    allow_host: tuple[str, ...],
    folder: Path | None,
    jobs: Path | None,
    quiet: bool,
    verbose: int,
    **given: Any,
) -> None:
    """Serves a page and a REST API: pictures, video files, and the cameras of a settings file.

    \b
    streamcls serve
    streamcls serve --config configs/line.yaml --folder recordings
    streamcls serve --host 0.0.0.0 --token-file token.txt
    """
    try:
        from streamcls.web.rules import Rules
        from streamcls.web.tokens import read_token
    except ImportError as error:
        raise MissingPackageError(
            f"serve: {error.name} is not installed; install it with: pip install 'streamcls[web]'"
        ) from error
    warnings.filterwarnings("ignore", module="PIL")  # what matters there is an error
    with ExitStack() as stack:
        rules = Rules(
            host,
            port,
            jobs=stack.enter_context(_JobsFolder(jobs, port)).path,
            token=None if token_file is None else read_token(token_file),
            names=allow_host,
            rate=rate_limit,
            folder=_checked(folder),
        )
        if not rules.is_local and rules.token is None:
            raise SettingsError(
                f"--host {host}: others can reach it there, so a token is needed: "
                "openssl rand -hex 32 >token.txt, then --token-file token.txt"
            )
        if config is not None and not quiet and not verbose:
            set_level(1)  # what happens in months is worth its lines
        _serve(rules, config, given, quiet=quiet)


def _serve(
    rules: "Rules", config: Path | None, given: Mapping[str, object], *, quiet: bool
) -> None:
    """Until a signal ends it; what is no plant has done its work then.

    Raises:
        StreamclsError: it can't start, or a required camera was given up.
        SystemExit: a signal ended it.
    """
    try:
        from streamcls.web.app import build_app
        from streamcls.web.log_tail import LogTail
        from streamcls.web.server import Server
        from streamcls.web.site import Site
    except ImportError as error:
        raise MissingPackageError(
            f"serve: {error.name} is not installed; install it with: pip install 'streamcls[web]'"
        ) from error
    plant, alone = _settings(config, given)
    stop = Stop()
    with ExitStack() as stack:
        tail = stack.enter_context(LogTail().listening())
        site = stack.enter_context(Site(rules, tail))
        server = stack.enter_context(Server(build_app(site), rules.host, rules.port, stop))
        stack.callback(site.close)  # first, so that the server waits for nobody
        site.jobs.start()
        server.start()
        shown = f"[{rules.host}]" if ":" in rules.host else rules.host
        if not quiet:
            say(f"http://{shown}:{server.port}/ (Ctrl-C ends it)")
        progress = not quiet and sys.stderr.isatty()
        if plant is not None and config is not None:
            from streamcls.cli.run_plant import run_plant

            run_plant(plant, config, given, quiet=quiet, progress=progress, stop=stop, site=site)
        else:
            _run_alone(site, alone, stop, quiet=quiet, progress=progress)


def _settings(
    config: Path | None, given: Mapping[str, object]
) -> tuple[PlantSettings | None, tuple[ModelSettings, RuntimeSettings]]:
    """Of the cameras, if there are some, and of what classifies."""
    if config is None:
        chosen = from_options({"source": "pictures", **given})
        return None, (chosen.model, chosen.runtime)
    from streamcls.plant.one_camera import as_plant

    plant = as_plant(read_settings(config, given))
    return plant, (plant.model, plant.runtime)


def _run_alone(
    site: "Site",
    asked: tuple[ModelSettings, RuntimeSettings],
    stop: Stop,
    *,
    quiet: bool,
    progress: bool,
) -> None:
    """Without cameras: loads the model, while the server says so, and waits for the end."""
    from streamcls.plant.model import load_shared

    model = load_shared(asked, stop, progress=progress, spare=_SPARE)  # a signal ends it at once
    with stop.on_signals(), model.turns:
        model.turns.start()
        site.desk.attach(model)
        if not quiet:
            say(model_line(asked[0].name, model.classifier, model.threads))
        systemd.ready("pictures and video files")
        watchdog = systemd.Watchdog()
        while not stop.wait(_LOOK_S):
            watchdog.look(lambda: True)
        systemd.stopping()
        site.close()
    if stop.failure is not None:
        raise stop.failure
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)


def _checked(folder: Path | None) -> Path | None:
    if folder is not None and not folder.is_dir():
        raise SourceNotFoundError(f"--folder {folder}: no such folder")
    return folder


class _JobsFolder:
    """Where jobs are kept: as asked for, by the port, or, where that is any, for this time only."""

    def __init__(self, asked: Path | None, port: int) -> None:
        from streamcls.inference.cache import cache_folder

        self._is_own = asked is None and port == 0
        if self._is_own:
            self.path = Path(tempfile.mkdtemp(prefix="streamcls-jobs-"))
        else:
            self.path = asked or cache_folder() / "jobs" / str(port)

    def __enter__(self) -> "_JobsFolder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_own:
            shutil.rmtree(self.path, ignore_errors=True)
