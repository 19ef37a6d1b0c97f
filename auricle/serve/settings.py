"""Settings of the service: where it listens, who may ask, how much one may ask for."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from auricle.core.errors import InputError

TOKEN = "AURICLE_TOKEN"
_SHORTEST = 16  # characters of a token


@dataclasses.dataclass(frozen=True)
class Settings:
    """max_bytes: of an upload. max_seconds: of a recording. waiting: requests that are accepted at a time.

    patience: seconds without a byte after which an upload is given up. pace: bytes a second that it must bring, over `pace_over` seconds.
    timeout: seconds from when a request is accepted to its answer. threads: archive requests worked on at a time.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    max_bytes: int = 200_000_000
    max_seconds: float = 3600.0
    waiting: int = 32
    patience: float = 10.0
    pace: float = 1000.0
    pace_over: float = 30.0
    timeout: float = 300.0
    threads: int = 4

    def __post_init__(self) -> None:
        """InputError where these cannot be served with."""
        if self.waiting < 1 or self.max_bytes < 1 or not self.max_seconds > 0:
            raise InputError("--waiting, --max-mb and --max-minutes have to be above 0")
        if self.token is None and not is_loopback(self.host):
            raise InputError(
                f"--host {self.host} can be reached from other machines; wanted a token that they must know: "
                f"set {TOKEN}, or give --token-file FILE"
            )


def is_loopback(host: str) -> bool:
    """Is this a name or an address of this machine only?"""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def find_token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The token of a file, else of the environment, else none."""
    if file is not None:
        try:
            return _checked(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read ({error}); wanted a file that holds the token") from error
    said = environment.get(TOKEN)
    return None if said is None else _checked(said, TOKEN)


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"{where}: holds no usable token; wanted {_SHORTEST} or more letters, digits and signs without spaces, "
            "such as `openssl rand -hex 24` prints"
        )
    return token
