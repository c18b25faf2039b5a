"""What a carrier is told to do with a call, in its own markup (TwiML): written here and nowhere else.

Every text is escaped; a number in it comes from the configuration, and nothing of the caller is ever said back.
"""

from __future__ import annotations

from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from pipeline.transfer import Target

WEBHOOK, STREAM, AFTER, ANSWERED = (
    "/api/telephone/twiml",
    "/api/telephone/stream",
    "/api/telephone/after",
    "/api/telephone/answered",
)
_VOICES = {"en": "en-US", "es": "es-US"}


class Twiml:
    """Answers for the carrier; addresses in them are our public ones."""

    def __init__(self, public_url: str, language: str, ring_s: int, shown_number: str) -> None:
        """`language` is the practice's; a person's telephone rings for so long and shows this number, "": the caller's."""
        parts = urlsplit(public_url)
        base = f"{parts.netloc}{parts.path.rstrip('/')}"
        self._base = f"https://{base}"
        self.stream_url = f"wss://{base}{STREAM}"
        self._voice = _VOICES[language]
        self._ring_s = ring_s
        self._shown = f" callerId={quoteattr(shown_number)}" if shown_number else ""

    def url(self, path: str) -> str:
        """The address that the carrier signs for one of our paths."""
        return f"{self._base}{path}"

    def stream(self, token: str, step: str) -> str:
        """Open the stream and show the token; then ask."""
        return _response(
            f"<Connect {self._asks(step)}><Stream url={quoteattr(self.stream_url)}>"
            f'<Parameter name="token" value={quoteattr(token)}/></Stream></Connect>'
        )

    def dial(self, target: Target, step: str, ring: str, sentence: str = "") -> str:
        """Say this, if anything, and call a person; tell when they answer, and ask when it is over."""
        address = target.uri("")
        noun = "Number" if address.startswith("tel:") else "Sip"
        told = quoteattr(self.url(f"{ANSWERED}/{ring}"))
        return _response(
            f'{self._say(sentence)}<Dial timeout="{self._ring_s}"{self._shown} {self._asks(step)}>'
            f'<{noun} statusCallbackEvent="answered" statusCallback={told}>'
            f"{escape(address.removeprefix('tel:'))}</{noun}></Dial>"
        )

    def reject(self) -> str:
        """Busy, without answering."""
        return _response('<Reject reason="busy"/>')

    def hang_up(self, sentence: str = "") -> str:
        """Say this, if anything, and hang up."""
        return _response(f"{self._say(sentence)}<Hangup/>")

    def _asks(self, step: str) -> str:
        return f"action={quoteattr(self.url(f'{AFTER}/{step}'))}"

    def _say(self, sentence: str) -> str:
        return f'<Say language="{self._voice}">{escape(sentence)}</Say>' if sentence else ""


def _response(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'
