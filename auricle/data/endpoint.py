"""A language model behind an OpenAI-compatible endpoint, as a rewriter: text in, a caption out.

Only the standard library is used. An answer is bounded in size and time, redirects are refused (they would carry the key elsewhere), and
the key is read from the environment by a name that the caller gives; it is in no message, no log and no repr.
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

#: What is asked for; our own words.
INSTRUCTION = (
    "You turn what somebody wrote under a recording into one plain English sentence about what can be heard in it, of at most twenty "
    "words. Leave out names of people and places, dates, equipment, file names and how it was made. Add nothing that is not said. "
    "If nothing that can be heard is said, answer with the single word NOTHING. Answer with the sentence alone."
)
LARGEST = 1 << 20  # bytes of an answer
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Endpoint:
    """A rewriter at `url`, the address that ends before /chat/completions.

    key: name of the environment variable that holds the key, empty for none. timeout: seconds that an answer may stay silent. tries:
    requests before it is given up, each after twice the pause (seconds) of the one before.
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
        """The caption of a text; empty where the model says that there is nothing to hear. InputError where no answer comes."""
        messages = [{"role": "system", "content": self.instruction}, {"role": "user", "content": text}]
        asked = json.dumps({"model": self.model, "messages": messages, "temperature": 0}).encode()
        for tried in range(1, self.tries + 1):
            try:
                return _said(self._ask(asked))
            except _Passing as error:
                if tried == self.tries:
                    raise InputError(f"{self.url}: {error}, {tried} times in a row; see that it runs, or ask it less at a time") from None
                time.sleep(self.pause * 2 ** (tried - 1))
        raise AssertionError("the last try returns or raises")

    def _ask(self, asked: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.key:
            if not os.environ.get(self.key):
                raise InputError(f"{self.key} is not set; wanted the endpoint's key in that environment variable")
            headers["Authorization"] = f"Bearer {os.environ[self.key]}"
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", asked, headers)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout) as answer:
                content = answer.read(LARGEST + 1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _AGAIN:
                raise _Passing(f"answered {error.code}") from None
            raise InputError(f"{self.url}: answered {error.code}; check the address, the model {self.model!r} and the key") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Passing(f"gave no answer ({type(error).__name__})") from None
        except ValueError:  # a key that cannot be a header: its text would be in the message
            raise InputError(
                f"{self.url}: the request cannot be made; check the address and the key in {self.key or 'no variable'}"
            ) from None
        if len(content) > LARGEST:
            raise InputError(f"{self.url}: answers with more than {LARGEST} bytes; wanted one sentence")
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise InputError(f"{self.url}: its answer is no JSON; wanted an OpenAI-compatible endpoint") from None


class _Passing(Exception):  # noqa: N818  no fault of ours: asked again, it may work
    """An endpoint that is busy or not there at the moment."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None makes the redirect an error."""


def _said(answer: Any) -> str:
    try:
        text = answer["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        text = None
    if not isinstance(text, str):
        raise InputError("the endpoint's answer has no choices[0].message.content; wanted an OpenAI-compatible endpoint")
    text = text.strip().strip('"').strip()
    return "" if text.strip(".").upper() == "NOTHING" else text
