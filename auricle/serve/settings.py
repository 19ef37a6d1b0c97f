"""Settings of the service: address, token and limits."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from auricle.core.errors import InputError

TOKEN = "AURICLE_TOKEN"
_MIN_TOKEN = 16  # characters of a token


@dataclasses.dataclass(frozen=True)
class Settings:
    """max_bytes: of an upload. max_seconds: of a recording. max_requests: concurrent uploads, and as many archive requests.

    idle_timeout: seconds without a byte after which an upload is aborted. min_rate: least bytes per second of an upload, measured over
    `rate_window` seconds. timeout: seconds from the acceptance of a request to its response. threads: for archive requests.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    max_bytes: int = 200_000_000
    max_seconds: float = 3600.0
    max_requests: int = 32
    idle_timeout: float = 10.0
    min_rate: float = 1000.0
    rate_window: float = 30.0
    timeout: float = 300.0
    threads: int = 4

    def __post_init__(self) -> None:
        """Raise InputError for invalid settings."""
        if self.max_requests < 1 or self.max_bytes < 1 or not self.max_seconds > 0:
            raise InputError("--waiting, --max-mb and --max-minutes have to be above 0")
        if self.token is None and not is_loopback(self.host):
            raise InputError(f"--host {self.host} is reachable from other machines; wanted a token: set {TOKEN}, or give --token-file FILE")


def is_loopback(host: str) -> bool:
    """Return whether a host is the loopback interface, by name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def find_token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Read the token from a file, else from the environment; None without either."""
    if file is not None:
        try:
            return _check_token(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read ({error}); wanted a file with the token") from error
    token = environment.get(TOKEN)
    return None if token is None else _check_token(token, TOKEN)


def _check_token(text: str, where: str) -> str:
    token = text.strip()
    if len(token) < _MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"{where}: has no valid token; wanted at least {_MIN_TOKEN} printable ASCII characters without spaces, "
            "such as the output of `openssl rand -hex 24`"
        )
    return token
