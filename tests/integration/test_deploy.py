"""The files of configs/deploy, as far as that goes without systemd and a container engine.

Programs that read such files check them; what they start is started.
"""

import fnmatch
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import requires
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from streamcls import clock
from tests.conftest import Cli

PROJECT = Path(__file__).parent.parent.parent
DEPLOY = PROJECT / "configs" / "deploy"
UNIT = DEPLOY / "streamcls.service"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]

Program = Callable[[str], str]


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions, each with what follows: ("FROM", "python:3.11-slim AS build")."""
    text = (DEPLOY / "Dockerfile").read_text()
    joined = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line]
    return [(name, rest) for name, rest in lines]


def last(name: str) -> str:
    return [rest for instruction, rest in dockerfile() if instruction == name][-1]


def in_unit(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


# systemd


def test_systemd_takes_the_unit(program: Program, tmp_path: Path) -> None:
    """With a program that exists: it asks for that. Keys it does not know are warnings only."""
    unit = tmp_path / UNIT.name
    [command] = in_unit("ExecStart")
    unit.write_text(UNIT.read_text().replace(command.split()[0], sys.executable))
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    # Its own lines; units of the machine it stands on may be wrong, too.
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []
    assert done.returncode == 0


def test_the_unit_may_do_little(program: Program) -> None:
    """1.4; 9.6 without hardening. What is left: cameras, network, code made at run time."""
    command = [
        program("systemd-analyze"),
        "security",
        "--offline=true",
        "--threshold=20",
        str(UNIT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_unit_and_image_run_the_same_command_and_it_exists(cli: Cli) -> None:
    [command] = in_unit("ExecStart")
    program, *arguments = shlex.split(command)
    assert [Path(program).name, *arguments] == [
        *json.loads(last("ENTRYPOINT")),
        *json.loads(last("CMD")),
    ]
    settings = arguments.index("--config") + 1
    done = cli(*arguments[:settings], "nosuch.yaml", *arguments[settings + 1 :])
    assert "nosuch.yaml" in json.loads(done.err)["message"]  # in JSON, so all options were taken
    assert str(done.code) in in_unit("RestartPreventExitStatus")


# The image


def test_what_the_image_copies_is_there() -> None:
    kept = [
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]  # fmt: skip
    copied = [rest.split()[:-1] for name, rest in dockerfile() if name == "COPY"]
    sources = [source for names in copied if "--from=build" not in names for source in names]
    assert sources
    for source in sources:
        assert (PROJECT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in kept), source
    assert sorted(kept) == sorted(sources)


def test_the_image_has_another_user_than_root_and_stops_well() -> None:
    assert last("USER") != "root"
    assert last("STOPSIGNAL") == "SIGTERM"


def requirements(names: list[str]) -> dict[str, Requirement]:
    """All that has to be installed for them, by name, going by what is installed here."""
    found: dict[str, Requirement] = {}
    todo = [Requirement(name) for name in names]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found[name] = one
        todo += [Requirement(text) for text in requires(name) or []]
    return found


def pinned(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (s.split("==") for s in lines)}


def test_the_image_has_every_package_in_the_tested_version() -> None:
    headless = pinned(DEPLOY / "constraints-headless.txt")
    tested = pinned(PROJECT / "constraints.txt")
    assert "opencv-python" not in headless  # both are cv2
    assert headless.pop("opencv-python-headless") == tested["opencv-python"]
    assert {name: tested.get(name, version) for name, version in headless.items()} == headless
    with (PROJECT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"]
    wanted = requirements([*project["dependencies"], *extras.get("plant", []), *extras["openvino"]])
    # What torch's CUDA build brings, which may be the one here; the image has the CPU's.
    cuda = {name for name in wanted if name.startswith(("cuda", "nvidia", "triton"))}
    assert set(wanted) - cuda - {"opencv-python"} <= set(headless)
    for name in set(wanted) & set(headless):
        assert wanted[name].specifier.contains(headless[name]), name


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        server.asked = self.path
        self.send_response(server.code)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class _Server(HTTPServer):
    code = 200
    asked = ""


@pytest.mark.parametrize(("code", "healthy"), [(200, True), (503, False)])
def test_the_health_check_of_the_image_tells_well_from_unwell(code: int, healthy: bool) -> None:
    python, *arguments = json.loads(last("HEALTHCHECK").split("CMD ")[1])
    assert python == "python"
    with _Server(("127.0.0.1", 0), _Health) as server:
        server.code = code
        thread = Thread(target=server.handle_request)
        thread.start()
        text = [part.replace(last("EXPOSE"), str(server.server_port)) for part in arguments]
        done = subprocess.run([sys.executable, *text], capture_output=True, check=False)
        thread.join()
    assert server.asked == "/healthz"
    assert (done.returncode == 0) is healthy


# The containers


def test_what_the_containers_mount_is_there() -> None:
    for name, service in SERVICES.items():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name}: {source}"
                assert volume.endswith(":ro")
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"
    build = SERVICES["streamcls"]["build"]
    assert (DEPLOY / build["context"]).resolve() == PROJECT
    assert (PROJECT / build["dockerfile"]).is_file()


def test_the_containers_come_back_and_may_do_little() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == "unless-stopped", name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "healthcheck" in service or name == "streamcls", name  # which has the image's
    assert "ports" not in SERVICES["streamcls"]
    assert SERVICES["streamcls"]["expose"] == [last("EXPOSE")]


def test_secrets_are_named_in_the_example_and_kept_out_of_git() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    example = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert asked
    assert asked <= set(example)
    assert {value for name, value in example.items() if "USERNAME" not in name} == {""}
    assert ".env" in (PROJECT / ".gitignore").read_text().splitlines()


def test_prometheus_takes_its_settings_and_asks_streamcls(program: Program) -> None:
    file = DEPLOY / "prometheus.yml"
    [job] = yaml.safe_load(file.read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"streamcls:{last('EXPOSE')}"]}]
    command = [program("promtool"), "check", "config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def listens(port: int) -> bool:
    with socket.socket() as to:
        return to.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def broker(folder: Path, password: str) -> Iterator[int]:
    """The port of a broker that compose.yaml's own command started, in other places."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    places = {
        "/run/mosquitto": str(folder),
        "/mosquitto/data": str(folder),
        "/mosquitto/config": str(folder),
        "listener 1883": f"listener {port} 127.0.0.1",
    }

    def moved(text: str) -> str:
        for there, here in places.items():
            text = text.replace(there, here)
        return text

    settings = moved((DEPLOY / "mosquitto.conf").read_text())
    # Debian's would change from root to a user who may not look into pytest's folder.
    (folder / "mosquitto.conf").write_text(f"{settings}user root\n")
    command = [moved(part).replace("$$", "$") for part in SERVICES["mosquitto"]["command"]]
    path = f"{os.environ['PATH']}:/usr/sbin"
    secrets = {"MQTT_USERNAME": "streamcls", "MQTT_PASSWORD": password}
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            command, env={"PATH": path, **secrets}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        until = clock.now_s() + 10
        while not listens(port):
            assert running.poll() is None, (folder / "log").read_text()
            assert clock.now_s() < until, (folder / "log").read_text()
            time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait(10)


def answer(port: int, user: str, password: str) -> int:
    """The broker's answer to an MQTT 3.1.1 CONNECT: 0 is welcome, 5 is not authorised."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    clean_with_user_and_password = 0xC2
    head = text("MQTT") + bytes([4, clean_with_user_and_password, 0, 60])
    body = head + text("test") + text(user) + text(password)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as to:
        to.sendall(bytes([0x10, len(body)]) + body)
        return to.recv(4)[3]


def test_the_broker_starts_and_asks_for_the_password(program: Program, tmp_path: Path) -> None:
    program("mosquitto")
    with broker(tmp_path, "ge heim$1") as port:
        assert answer(port, "streamcls", "ge heim$1") == 0
        assert answer(port, "streamcls", "other") == 5
        assert answer(port, "anna", "ge heim$1") == 5


def test_the_example_of_secrets_has_those_of_the_example_of_settings() -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", (PROJECT / "configs" / "line.yaml").read_text()))
    given = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert wanted - {"NAME"} <= given
