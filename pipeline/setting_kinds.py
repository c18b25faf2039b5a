"""What one setting of a kind may be: an address, a path, a telephone number; a fault is what to write instead.

Knows the rules in `settings.py`'s metadata and one text at a time. What two settings may not be together is
`setting_rules.py`'s affair.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from models.timed.times import INSTANT
from pipeline import secret, transfer
from pipeline.egress import places
from pipeline.settings import LLM_OPTIONS

TEXT_CHARACTERS_MAX = 2000
PHONE_DIGITS_MIN = 7
"""The shortest number that is answered without an area code; urgent callers are told to ring it."""
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Controls, and the surrogates that stand for bytes of the environment that are no UTF-8."""
_CLASS = re.compile(r"[a-z][a-z_]{0,15}")
_PATHS = {"file", "directory", "any_path", "timed"}
"""Where `~` stands for the home folder, here and nowhere later: the rest of the server gets whole paths."""


def value_of(default: Any, given: Any, rules: Mapping[str, Any]) -> tuple[str, Any]:
    """A fault ("" when none) and the value in its final type."""
    if isinstance(default, int):
        low, high = rules["low"], rules["high"]
        if isinstance(given, bool) or not isinstance(given, int) or not low <= given <= high:
            return f"write a whole number from {low} to {high}, e.g. {default}", default
        return "", given
    if isinstance(default, tuple):
        if not isinstance(given, list | tuple) or not all(isinstance(v, str) for v in given):
            return 'write a list of texts, e.g. ["..."]', default
        for text in given:
            if fault := _text_fault(text, rules):
                return fault, default
        return "", tuple(given)
    if not isinstance(given, str):
        return f'write a text in quotes, e.g. "{default}"', default
    text = os.path.expanduser(given) if rules.get("kind") in _PATHS else given
    return _text_fault(text, rules), text


def _text_fault(text: str, rules: Mapping[str, Any]) -> str:
    if len(text) > TEXT_CHARACTERS_MAX or _UNPRINTABLE.search(text):
        return f"at most {TEXT_CHARACTERS_MAX} characters on one line, without control characters"
    if choices := rules.get("choices"):
        return "" if text in choices else "write one of " + ", ".join(f'"{c}"' for c in choices)
    if rules.get("secret"):
        return secret.guessed_fault(text)
    kind = rules.get("kind")
    return (_KINDS[kind](text) if kind and text else "") or secret.user_in_url_fault(text)


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "write an IP address, e.g. 127.0.0.1"
    return ""


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return "write a network, e.g. 10.0.0.0/8"
    return ""


def _narrow_network(text: str) -> str:
    if fault := _network(text):
        return fault
    if places.is_wide(ipaddress.ip_network(text)):
        return f"{places.TOO_WIDE}, e.g. 10.0.0.5/32"
    return ""


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    return "" if good else "write a web address, e.g. https://voice.clinic.example"


def _origin(text: str) -> str:
    fault = _url(text)
    if not fault and text != "{0.scheme}://{0.netloc}".format(urlsplit(text)):
        return "write scheme, name and port only, e.g. https://portal.clinic.example:8443"
    return fault


def _database_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme == "postgresql" and bool(parts.path.strip("/")) and parts.port != 0
    except ValueError:
        return "write a database address, e.g. postgresql://127.0.0.1:5432/wardline"
    if "@" in parts.netloc or parts.query:
        return "never with a user, a password or options; set store.user and store.password_file"
    if not good or "/" in parts.path[1:] or parts.fragment:
        return "write a database address, e.g. postgresql://127.0.0.1:5432/wardline"
    return ""


def _id(text: str) -> str:
    good = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", text)
    return "" if good else "write 1 to 40 letters, digits, dots and dashes"


def _llm_option(text: str) -> str:
    good = text.partition("=")[0] in LLM_OPTIONS
    return "" if good else f"write --name=value with one of {', '.join(LLM_OPTIONS)}"


def _webhook_url(text: str) -> str:
    if fault := _url(text):
        return fault
    parts = urlsplit(text)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "must be https, unless the receiver is on this machine"
    return ""


def _mirror_url(text: str) -> str:
    if fault := _webhook_url(text):
        return fault.replace("the receiver", "the mirror")
    return "write it without ? and #" if urlsplit(text).query or urlsplit(text).fragment else ""


def _host(text: str) -> str:
    good = re.fullmatch(
        r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[1-9][0-9]{0,4})?", text
    )
    return (
        ""
        if good
        else "write a host's name, with a port when it is not 443, e.g. files.clinic.example:8443"
    )


def _fingerprint(text: str) -> str:
    good = re.fullmatch(r"[0-9a-f]{64}", text)
    return "" if good else "write the 64 characters that `wardline bundle list` shows"


def is_loopback(host: str) -> bool:
    """Whether this address or name is this machine's own loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _file(text: str) -> str:  # os.path: a name too long is "no such file", not an exception
    wrong = "a folder" if os.path.isdir(text) else "no such file"
    return "" if os.path.isfile(text) else f"{wrong}; give the path of a file"


def _timed(text: str) -> str:
    return (
        ""
        if text == INSTANT or os.path.isfile(text)
        else 'write "instant", or the path of a file of times'
    )


def _directory(text: str) -> str:
    return "" if os.path.isdir(text) else "no such folder; give the path of one"


def _any_path(text: str) -> str:
    return "there is no such user; write the whole path" if text.startswith("~") else ""


def _class(text: str) -> str:
    good = _CLASS.fullmatch(text)
    return "" if good else 'write a name of lower-case letters, e.g. "call"'


def _class_days(text: str) -> str:
    name, _, days = text.partition(" ")
    good = _CLASS.fullmatch(name) and re.fullmatch(r"[1-9][0-9]{0,4}", days)
    return "" if good else 'write a class and its days, e.g. "call 30"'


def _emergency_number(text: str) -> str:
    good = re.fullmatch(r"\+?[0-9][0-9 ()./-]{1,30}", text)
    return "" if good else "write a telephone number: digits, spaces and + - ( ) only"


def _phone(text: str) -> str:
    if fault := _emergency_number(text):
        return fault
    enough = PHONE_DIGITS_MIN <= len(re.findall(r"[0-9]", text)) <= 15
    return "" if enough else f"write the whole telephone number, {PHONE_DIGITS_MIN} to 15 digits"


def _shown_number(text: str) -> str:
    good = re.fullmatch(r"\+?[0-9]{3,15}", text)
    return "" if good else "write a number as a carrier wants it, digits alone, e.g. +12125550100"


_OWN_NUMBER = re.compile(r"([a-z][a-z0-9-]{0,29}) +(\+?[0-9]{2,20})")
_NO_NAMES = ("other", "none")
"""What is said in the place of a name where there is none."""


def _own_number(text: str) -> str:
    read = _OWN_NUMBER.fullmatch(text)
    if read is None or read[1] in _NO_NAMES:
        return 'write a name and a number as the carrier calls it, e.g. "front-desk +12125550100" or "nurses 201"'
    return ""


def own_numbers(lines: Iterable[str]) -> dict[str, str]:
    """The practice's name of each of its numbers, by the number; of lines that are right."""
    read = (_OWN_NUMBER.fullmatch(line) for line in lines)
    return {found[2]: found[1] for found in read if found is not None}


def _gateway(text: str) -> str:
    host, _, port = text.rpartition(":")
    good = port.isdecimal() and 0 < int(port) < 65_536 and not _address(host.strip("[]"))
    return "" if good else "write an address and a port, e.g. 10.20.0.11:5061"


_KINDS: dict[str, Callable[[str], str]] = {
    "address": _address,
    "network": _network,
    "narrow_network": _narrow_network,
    "url": _url,
    "origin": _origin,
    "relay_url": places.relay_fault,
    "model_url": lambda text: _url(text) or places.model_fault(text),
    "private_network": lambda text: _network(text) or places.public_fault(text),
    "webhook_url": _webhook_url,
    "database_url": _database_url,
    "mirror_url": _mirror_url,
    "host": _host,
    "fingerprint": _fingerprint,
    "id": _id,
    "file": _file,
    "timed": _timed,
    "directory": _directory,
    "phone": _phone,
    "emergency_number": _emergency_number,
    "any_path": _any_path,
    "class": _class,
    "class_days": _class_days,
    "llm_option": _llm_option,
    "destination": places.fault,
    "transfer_target": transfer.fault,
    "rung": transfer.rung_fault,
    "gateway": _gateway,
    "own_number": _own_number,
    "shown_number": _shown_number,
}
