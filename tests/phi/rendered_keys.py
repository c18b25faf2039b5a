"""Keys with letters and figures as callers say them and systems write them: e-mail, addresses, ZIP codes, records, plates, four last digits.

Strategies for property tests, like those of `renderings`; no redactor.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import strategies as st

from tests.phi.renderings import (
    NATO,
    as_it_is,
    names,
    said_digits,
    said_digits_es,
    said_in_pairs,
    said_with_double,
    spelled,
)

TRACEBACK = 'Traceback (most recent call last):\n  File "/app/book.py", line 41, in book\n{}: {}'


def in_records(*said: str) -> tuple[str, ...]:
    """Frames as they are, and each within what systems write: a JSON record, a traceback."""
    return (
        *said,
        *('{{"level": "error", "message": ' + json.dumps(frame) + "}}" for frame in said),
        *(TRACEBACK.format("ValueError", frame) for frame in said),
    )


def _rendered(
    values: st.SearchStrategy[str],
    renderers: tuple[Callable[[str], str], ...],
    frames: tuple[str, ...],
) -> st.SearchStrategy[tuple[str, str]]:
    return st.builds(
        lambda value, render, frame: (frame, render(value)),
        values,
        st.sampled_from(renderers),
        st.sampled_from(frames),
    )


# --- e-mail --------------------------------------------------------------------------------------

HOSTS = ("gmail.com", "yahoo.com", "outlook.com", "kaveri.org", "mailbox.net")
emails = st.builds(
    lambda one, join, two, host: f"{one}{join}{two}@{host}",
    names,
    st.sampled_from((".", "_", "-", "")),
    names | st.integers(1, 99).map(str),
    st.sampled_from(HOSTS),
)
_MARKS = {"@": " at ", ".": " dot ", "_": " underscore ", "-": " dash "}
_MARKS_ES = {"@": " arroba ", ".": " punto ", "_": " guion bajo ", "-": " guion "}


def email_said(email: str) -> str:
    """With its marks in words."""
    return "".join(_MARKS.get(c, c) for c in email)


def email_said_es(email: str) -> str:
    """In Spanish."""
    return "".join(_MARKS_ES.get(c, c) for c in email)


def email_spelled(email: str) -> str:
    """Its first part letter by letter."""
    first, _, host = email.partition("@")
    letters = " ".join(_MARKS.get(c, c).strip() for c in first)
    return f"{letters} at {host.replace('.', ' dot ')}"


emails_said = _rendered(
    emails,
    (as_it_is, str.upper, email_said, email_said_es, email_spelled),
    in_records("my email is {}", "send it to {} please", "email={} ok", "no account for {}"),
)

# --- addresses and ZIP codes ---------------------------------------------------------------------

SUFFIXES = ("street", "avenue", "road", "drive", "lane", "court", "boulevard", "place", "way")
addresses = st.builds(
    lambda number, name, suffix, unit: f"{number} {name} {suffix}{unit}",
    st.integers(1, 9999),
    names,
    st.sampled_from(SUFFIXES),
    st.sampled_from(("", " apartment 4", " apt 12b", " unit 7", ", suite 210")),
)


def address_said(address: str) -> str:
    """Its numbers digit by digit."""
    return " ".join(said_digits(w) if w.isdigit() else w for w in address.split())


def address_in_pairs(address: str) -> str:
    """Its numbers two by two."""
    return " ".join(said_in_pairs(w) if w.isdigit() else w for w in address.split())


addresses_said = _rendered(
    addresses,
    (as_it_is, str.title, address_said, address_in_pairs),
    in_records("i live at {}", "my address is {}", "address={}", "please mail it to {}"),
)
zips_said = _rendered(
    st.text(alphabet="0123456789", min_size=5, max_size=5),
    (as_it_is, said_digits, said_digits_es, said_with_double),
    in_records("my zip code is {}", "zip {}", "zip={} ok", "mi codigo postal es {}"),
)

# --- records, plates, the last four --------------------------------------------------------------

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
records = st.builds(
    lambda letters, digits: letters + digits,
    st.text(alphabet=LETTERS, min_size=0, max_size=3),
    st.text(alphabet="0123456789", min_size=6, max_size=8),
)
plates = st.builds(
    lambda first, letters, digits: first + letters + digits,
    st.sampled_from(("", "4", "7")),
    st.text(alphabet=LETTERS, min_size=3, max_size=3),
    st.text(alphabet="0123456789", min_size=3, max_size=4),
)


def key_said(key: str) -> str:
    """Character by character."""
    return " ".join(said_digits(c) if c.isdigit() else c.lower() for c in key)


def key_said_nato(key: str) -> str:
    """Its letters in the radio alphabet."""
    return " ".join(said_digits(c) if c.isdigit() else NATO[c.lower()] for c in key)


def key_grouped(key: str) -> str:
    """Letters and figures parted by a hyphen."""
    first = len(key) - len(key.lstrip(LETTERS))
    return f"{key[:first]}-{key[first:]}" if first else key


records_said = _rendered(
    records,
    (as_it_is, str.lower, key_said, key_said_nato, key_grouped),
    in_records(
        "my medical record number is {}",
        "mrn {}",
        "MRN: {}",
        "the member id is {}",
        "my policy number is {}",
        "mrn={} ok",
    ),
)
plates_said = _rendered(
    plates,
    (as_it_is, key_said, key_said_nato),
    in_records("my license plate is {}", "the plate is {}", "plate={} ok"),
)
last_four_said = _rendered(
    st.text(alphabet="0123456789", min_size=4, max_size=4),
    (as_it_is, said_digits, said_digits_es, said_in_pairs, said_with_double, spelled),
    in_records(
        "the last four of my social are {}",
        "my social ends in {}",
        "ssn_last4={} ok",
        "the last four digits are {}",
        "los ultimos cuatro son {}",
    ),
)

KEYS = {
    "email": emails_said,
    "address": addresses_said,
    "zip": zips_said,
    "record": records_said,
    "plate": plates_said,
    "last four": last_four_said,
}
SAID = {
    kind: KEYS[kind].filter(lambda item: item[0][:1] not in "{T")
    for kind in ("zip", "record", "plate", "last four")
}
"""As a caller says them: records of one line, which may be cut. What a cut leaves of an e-mail or an address stands in docs/redaction.md."""
TELLING_NOTHING = frozenset(
    [*SUFFIXES, "apartment", "apt", "unit", "suite", "at", "dot", "underscore", "dash", "arroba", "punto", "guion", "bajo"]
)  # fmt: skip
"""What kind of street it is and how an address is punctuated: these words alone may stay."""
