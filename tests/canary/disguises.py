"""How a program, a library or a person may write a text: what the search has to see through."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import json
import quopri
import urllib.parse
import zlib
from collections.abc import Callable

Disguise = Callable[[str], bytes]

DISGUISES: dict[str, Disguise] = {
    "plain": lambda text: text.encode(),
    "lower": lambda text: text.lower().encode(),
    "upper": lambda text: text.upper().encode(),
    "spelled with spaces": lambda text: " ".join(text).encode(),
    "spelled with dashes": lambda text: "-".join(text).encode(),
    "dotted": lambda text: ".".join(text).encode(),
    "over two lines": lambda text: f"{text[:4]}\r\n{text[4:]}".encode(),
    "json with codes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
    "json in json": lambda text: json.dumps(json.dumps({"said": text})).encode(),
    "python repr": lambda text: repr({"said": text.encode("utf-16")}).encode(),
    "hexadecimal escapes": lambda text: "".join(f"\\x{ord(c):02x}" for c in text).encode(),
    "octal escapes": lambda text: "".join(f"\\{ord(c):03o}" for c in text).encode(),
    "percent": lambda text: "".join(f"%{ord(c):02X}" for c in text).encode(),
    "url": lambda text: urllib.parse.urlencode({"q": text}).encode(),
    "html entities": lambda text: "".join(f"&#{ord(c)};" for c in text).encode(),
    "html entities in hexadecimal": lambda text: "".join(f"&#x{ord(c):x};" for c in text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 off by one": lambda text: base64.b64encode(b"x" + text.encode() + b"and more"),
    "base64 off by two": lambda text: base64.b64encode(b"xx" + text.encode() + b"and more"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"\xfb\xff" + text.encode() + b"??>"),
    "base32": lambda text: base64.b32encode(text.encode()),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper().encode(),
    "hexadecimal off by one": lambda text: b"a" + text.encode().hex().encode() + b"0",
    "hexadecimal with colons": lambda text: text.encode().hex(":").encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32"),
    "quoted-printable": lambda text: quopri.encodestring(
        "".join(f"={ord(c):02X}" for c in text).replace("=20", " ").encode()
    ).replace(b"=3D", b"="),
    "turned round": lambda text: text[::-1].encode(),
    "character codes": lambda text: json.dumps(list(text.encode())).encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zlib": lambda text: zlib.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode())),
    "md5": lambda text: hashlib.md5(text.encode()).hexdigest().encode(),  # noqa: S324  # what must be found
    "sha1": lambda text: hashlib.sha1(text.encode()).hexdigest().encode(),  # noqa: S324  # the same
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest().encode(),
    "sha256 of the small letters": lambda text: hashlib.sha256(text.lower().encode()).digest(),
    "sha256 in base64": lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()),
    "sha512": lambda text: hashlib.sha512(text.encode()).hexdigest().encode(),
    "blake2b": lambda text: hashlib.blake2b(text.encode()).digest(),
}
