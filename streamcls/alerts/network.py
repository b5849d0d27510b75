"""What went wrong with a connection, for people."""

import socket
import ssl


def why(error: BaseException | None) -> str:
    """The reason in an error of a socket or of TLS, without addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "can't be reached: no such host"
    if isinstance(error, TimeoutError):
        return "can't be reached: no answer in time"
    said = getattr(error, "strerror", None) or getattr(error, "reason", None)
    return f"can't be reached: {said or type(error).__name__}"
