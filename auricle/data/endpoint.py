"""Caption rewriting by a language model behind an OpenAI-compatible endpoint.

Only the standard library is used. A response is bounded in size and time, redirects are refused (they would send the key to another
host), and the key is read from an environment variable that the caller names; it never appears in a message, a log or a repr.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from auricle.core.errors import InputError

#: The default system prompt; written by us.
INSTRUCTION = (
    "You turn what somebody wrote under a recording into one plain English sentence about what can be heard in it, of at most twenty "
    "words. Leave out names of people and places, dates, equipment, file names and how it was made. Add nothing that is not said. "
    "If nothing that can be heard is said, answer with the single word NOTHING. Answer with the sentence alone."
)
MAX_RESPONSE_BYTES = 1 << 20
_RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Endpoint:
    """A rewriter (text -> caption) that calls the chat model at `url`, the address up to but without /chat/completions.

    model: its name at the endpoint. key: name of the environment variable with the API key, empty for none. instruction: system prompt.
    timeout: seconds without data after which a request fails. tries: requests per text at most. pause: seconds before the second
    request, doubled before each further one.
    """

    url: str
    model: str
    key: str = ""
    instruction: str = INSTRUCTION
    timeout: float = 60.0
    tries: int = 4
    pause: float = 1.0

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise InputError(
                "the endpoint's url is not usable; wanted http://HOST/v1 or https://HOST/v1, without a name or a password in it"
            )
        if not (self.timeout > 0 and self.tries >= 1 and self.pause >= 0):
            raise InputError(f"timeout {self.timeout}, tries {self.tries}, pause {self.pause}; wanted above 0, at least 1, and 0 or more")

    def __call__(self, text: str) -> str:
        """Rewrite one text into a caption; empty where the model answers NOTHING. InputError where no usable response is received."""
        messages = [{"role": "system", "content": self.instruction}, {"role": "user", "content": text}]
        body = json.dumps({"model": self.model, "messages": messages, "temperature": 0}).encode()
        for attempt in range(1, self.tries + 1):
            try:
                return _parse_caption(self._post(body))
            except _TransientError as error:
                if attempt == self.tries:
                    raise InputError(
                        f"{self.url}: {error}, {attempt} times in a row; check that it runs, or send fewer requests at a time"
                    ) from None
                time.sleep(self.pause * 2 ** (attempt - 1))
        raise AssertionError("the last try returns or raises")

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.key:
            if not os.environ.get(self.key):
                raise InputError(f"{self.key} is not set; wanted the endpoint's key in that environment variable")
            headers["Authorization"] = f"Bearer {os.environ[self.key]}"
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", body, headers)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout) as response:
                content = response.read(MAX_RESPONSE_BYTES + 1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _RETRIED_STATUSES:
                raise _TransientError(f"answered {error.code}") from None
            raise InputError(f"{self.url}: answered {error.code}; check the address, the model {self.model!r} and the key") from None
        except (OSError, http.client.HTTPException) as error:
            raise _TransientError(f"no answer ({type(error).__name__})") from None
        except ValueError:  # the key is not a valid header value; the original message would contain it
            raise InputError(
                f"{self.url}: the request cannot be made; check the address and the key in {self.key or 'no variable'}"
            ) from None
        if len(content) > MAX_RESPONSE_BYTES:
            raise InputError(f"{self.url}: the response has more than {MAX_RESPONSE_BYTES} bytes; wanted one sentence")
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise InputError(f"{self.url}: the response is not JSON; wanted an OpenAI-compatible endpoint") from None


class _TransientError(Exception):
    """A busy or unreachable endpoint: the request is worth repeating."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Return None, which makes the redirect an HTTPError."""


def _parse_caption(response: Any) -> str:
    try:
        text = response["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        text = None
    if not isinstance(text, str):
        raise InputError("the endpoint's response has no choices[0].message.content; wanted an OpenAI-compatible endpoint")
    text = text.strip().strip('"').strip()
    return "" if text.strip(".").upper() == "NOTHING" else text
