"""A certificate for localhost and the authority that signed it, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files."""

    ca: Path
    certificate: Path
    key: Path


def make_certificates(openssl: str, folder: Path) -> Certificates:
    """Certificates for one day."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    made = Certificates(ca, folder / "server.pem", folder / "server.key")
    new = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    own = ["-subj", "/CN=test authority", "-keyout", str(ca_key), "-out", str(ca)]
    _run([*new, *own])
    signed = ["-CA", str(ca), "-CAkey", str(ca_key), "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    to = ["-addext", "basicConstraints=critical,CA:FALSE"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    _run([*new, *signed, *names, *to, *files])
    return made


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)
