"""What a key says about its value, in logs (key=value, headers) and in JSON: PHI whole, technical, or unknown."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from phi import cues
from phi.kinds import Kind, Layer, Span
from phi.persons import PLAIN_VALUES, looks_like_a_name, names_always, names_perhaps
from phi.tokens import Line

PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
PAIR = re.compile(
    r"(?<![a-z0-9_.-])([\"']?)([a-z][a-z0-9_.-]{0,40})\1[ ]{0,2}(?:=|:(?!//)|=>)[ ]{0,2}(?:u?\"([^\"\n]{0,300})\"|u?'([^'\n]{0,300})'|([^\s\"',;&)}\]<>{(\[][^\s\"',;&)}\]<>]{0,200}))"
)
KIND_BY_PART = {
    "phone": Kind.PHONE, "tel": Kind.PHONE, "telephone": Kind.PHONE, "mobile": Kind.PHONE, "cell": Kind.PHONE, "fax": Kind.PHONE, "msisdn": Kind.PHONE, "ani": Kind.PHONE, "callback": Kind.PHONE,
    "ssn": Kind.SSN, "ssn4": Kind.SSN, "last4": Kind.SSN, "mrn": Kind.MRN, "dob": Kind.DATE, "birth": Kind.DATE, "birthdate": Kind.DATE, "birthday": Kind.DATE, "dateofbirth": Kind.DATE, "admitted": Kind.DATE, "dos": Kind.DATE, "appointment": Kind.DATE, "appt": Kind.DATE,
    "email": Kind.EMAIL, "mail": Kind.EMAIL, "zip": Kind.ZIP, "zipcode": Kind.ZIP, "postal": Kind.ZIP, "postcode": Kind.ZIP,
    "address": Kind.ADDRESS, "addr": Kind.ADDRESS, "street": Kind.ADDRESS, "address1": Kind.ADDRESS, "address2": Kind.ADDRESS, "line1": Kind.ADDRESS, "line2": Kind.ADDRESS, "city": Kind.CITY, "county": Kind.CITY, "town": Kind.CITY, "neighborhood": Kind.CITY, "birthplace": Kind.CITY, "latitude": Kind.ADDRESS, "longitude": Kind.ADDRESS, "geolocation": Kind.ADDRESS,
    "member": Kind.MEMBER, "subscriber": Kind.MEMBER, "policy": Kind.MEMBER, "beneficiary": Kind.MEMBER, "mbi": Kind.MEMBER, "medicare": Kind.MEMBER, "hicn": Kind.MEMBER, "insurance": Kind.MEMBER,
    "account": Kind.ACCOUNT, "acct": Kind.ACCOUNT, "card": Kind.ACCOUNT, "iban": Kind.ACCOUNT, "license": Kind.LICENSE, "licence": Kind.LICENSE, "npi": Kind.LICENSE, "dea": Kind.LICENSE,
    "vin": Kind.VEHICLE, "plate": Kind.VEHICLE, "serial": Kind.DEVICE, "imei": Kind.DEVICE, "udi": Kind.DEVICE, "passport": Kind.OTHERID, "dni": Kind.OTHERID, "curp": Kind.OTHERID, "claim": Kind.OTHERID, "rx": Kind.OTHERID,
    "firstname": Kind.NAME, "lastname": Kind.NAME, "fullname": Kind.NAME, "surname": Kind.NAME, "patientname": Kind.NAME, "fname": Kind.NAME, "lname": Kind.NAME, "first": Kind.NAME, "last": Kind.NAME, "middle": Kind.NAME, "given": Kind.NAME, "family": Kind.NAME, "maiden": Kind.NAME, "nombre": Kind.NAME, "apellido": Kind.NAME, "apellidos": Kind.NAME,
    "guardian": Kind.NAME, "spouse": Kind.NAME, "mother": Kind.NAME, "father": Kind.NAME, "emergency": Kind.NAME, "contact": Kind.NAME, "nickname": Kind.NAME, "username": Kind.NAME, "caller": Kind.NAME, "patient": Kind.NAME, "employer": Kind.ORG, "school": Kind.ORG,
    "provider": Kind.PROVIDER, "physician": Kind.PROVIDER, "clinician": Kind.PROVIDER, "doctor": Kind.PROVIDER, "pcp": Kind.PROVIDER, "facility": Kind.FACILITY, "hospital": Kind.FACILITY, "clinic": Kind.FACILITY,
    "handle": Kind.OTHERID, "authorization": Kind.OTHERID, "auth": Kind.OTHERID, "voiceprint": Kind.BIOMETRIC, "fingerprint": Kind.BIOMETRIC, "telefono": Kind.PHONE, "correo": Kind.EMAIL, "direccion": Kind.ADDRESS, "nacimiento": Kind.DATE, "ip": Kind.IP,
    "digits": Kind.OTHERID, "dtmf": Kind.OTHERID, "entered": Kind.OTHERID, "keyed": Kind.OTHERID,
}  # fmt: skip
ONLY_WITH_NAME = cues.words(
    "contact emergency caller patient provider doctor pcp clinic hospital facility family last first middle given insurance card account member claim policy handle auth authorization digits appointment appt mother father spouse guardian employer school fingerprint address addr ip mail rx device dtmf entered keyed callback cell serial"
)
TECHNICAL = cues.words("""gpu cpu driver os platform browser image python node event file filename host hostname model logger tool function func module field task thread room service engine voice type format codec metric display class method process package path topic queue table column
 index key count total size len length ms sec seconds bytes status state code error level lang language version mode reason turn attempt retries ok valid verified present seen source kind slot enabled required missing
 latency duration rate hz rtt ttl port pid tid seq step layer tier channel stage result outcome score confidence expected hash sha digest bucket partial match matched redacted masked length schema template prompt chars words fields provider_name""")
TIMESTAMPS = cues.words(
    "ts time timestamp asctime created updated at received sent started ended logged datetime"
)
NUMBERS_KEPT = cues.words("""n ms s sec secs seconds us ns bytes kb mb gb port size len length count total seq ssrc ts timestamp time pid tid line lineno code status rate hz samples frames latency duration p50 p90 p95 p99 offset index ttl timeout
 attempts retries tokens chars words epoch rtp packets lost jitter rtt bitrate width height depth version build turn turns utterance rows items max min avg mean median sum limit capacity memory rss heap cpu fd thread worker sample
 budget threshold score confidence position start end elapsed uptime created updated cseq payload pt marker clock tick interval sleep delay number_of level priority rank batch epoch sample_rate content expires max_forwards forwards queue depth free used backlog exit signal errno retry after age""")
STATIC = frozenset(
    [
        "none",
        "null",
        "true",
        "false",
        "",
        "unknown",
        "missing",
        "n/a",
        "na",
        "yes",
        "no",
        "ok",
        "valid",
        "invalid",
        "present",
        "absent",
        "empty",
        "undefined",
        "nan",
        "anonymous",
        "redacted",
        "verified",
        "pending",
        "str",
        "int",
        "string",
        "dict",
        "list",
        "date",
        "required",
        "optional",
        "confirmed",
        "unverified",
        "male",
        "female",
        "withheld",
        "unavailable",
    ]
)


def parts_of(key: str) -> list[str]:
    """A key's words: snake, kebab, dotted or camel."""
    return [p.lower() for p in PARTS.findall(key)]


def kind_of_key(key: str) -> Kind | None:
    """What a key says its value is; None when the value is judged by its text."""
    parts = parts_of(key)
    if not parts or len(parts) > 8:
        return None
    joined = "".join(parts)
    technical = any(p in TECHNICAL for p in parts)
    if joined in KIND_BY_PART and not technical:
        return KIND_BY_PART[joined]
    if technical or parts[-1] in NUMBERS_KEPT - {"number"}:
        return None
    if "name" in parts or "names" in parts:
        return Kind.NAME if not technical else None
    if parts[-1] in ("date", "fecha") and len(parts) > 1:
        return Kind.DATE
    return None if _minted_by_us(parts) else _kind_of_parts(parts)


def _minted_by_us(parts: list[str]) -> bool:
    """Whether a key names an id that the server or the carrier made."""
    return parts[-1] in ("id", "uuid", "sid") and parts[0] in MINTERS


MINTERS = frozenset(
    [
        "call",
        "trace",
        "span",
        "request",
        "session",
        "stream",
        "turn",
        "connection",
        "conn",
        "message",
        "event",
        "job",
        "worker",
        "practice",
        "tenant",
        "model",
        "tool",
    ]
)


def _kind_of_parts(parts: list[str]) -> Kind | None:
    for part in reversed(parts):
        kind = KIND_BY_PART.get(part)
        if kind is None:
            continue
        if (
            part in ONLY_WITH_NAME
            and len(parts) > 1
            and part
            in (
                "patient",
                "caller",
                "contact",
                "emergency",
                "insurance",
                "provider",
                "clinic",
                "facility",
                "family",
                "last",
                "first",
            )
        ):
            if parts[-1] in ("id", "number", "no", "num", "identifier"):
                return Kind.OTHERID
            if part in ("last", "first") and parts[-1] not in ("name", "initial"):
                continue
            if parts[-1] != part:
                continue
        return kind
    return Kind.OTHERID if parts[-1] in ("number", "identifier") and len(parts) > 1 else None


def age_of_key(key: str, value: str) -> bool:
    """Whether a key says that its value is an age, and the value says ninety or more."""
    if not (value.isdigit() and len(value) <= 3 and 90 <= int(value) <= 125):
        return False
    parts = parts_of(key)
    return bool(parts) and parts[-1] in AGE_KEYS and AGE_OF_THINGS.isdisjoint(parts)


AGE_KEYS = frozenset(["age", "ages", "edad", "years", "yrs"])
AGE_OF_THINGS = frozenset(["max", "min", "cache", "cert", "token", "session", "key", "file", "ttl", "cookie", "control", "retention", "queue", "log"])  # fmt: skip


def person_of_key(key: str, value: str) -> bool:
    """Whether a key of no kind holds somebody's name; the value as the record writes it."""
    parts = parts_of(key)
    if len(parts) > 8 or not any(c.isalpha() for c in value):
        return False
    if names_always(parts):
        return not TECHNICAL & set(parts) and value.lower() not in PLAIN_VALUES
    return names_perhaps(parts) and looks_like_a_name(value)


def keeps_number(key: str) -> bool:
    """Whether a long number under this key is a count, a size or a duration."""
    return any(p in NUMBERS_KEPT for p in parts_of(key))


def is_timestamp(key: str) -> bool:
    """Whether a key holds the record's own time."""
    parts = parts_of(key)
    return (
        bool(parts)
        and parts[-1] in TIMESTAMPS
        and "birth" not in parts
        and "appointment" not in parts
    )


NUMBERED = frozenset(
    [Kind.OTHERID, Kind.PHONE, Kind.SSN, Kind.MRN, Kind.MEMBER, Kind.ACCOUNT, Kind.LICENSE, Kind.VEHICLE, Kind.DEVICE, Kind.ZIP]
)  # fmt: skip
"""Kinds whose values have digits: "Rx: amoxicillin" is none."""


def _kind_of_pair(
    line: Line, match: re.Match[str], start: int, end: int, *, quoted: bool
) -> Kind | None:
    """What a key and its value are; None where the value is judged by its text alone."""
    key = match[2]
    value = line.shadow[start:end]
    prose = not match[1] and ":" in line.shadow[match.end(2) : start]
    kind = Kind.AGE if age_of_key(key, value.strip()) else kind_of_key(key)
    if kind is None and (not prose or quoted or names_always(parts_of(key))):
        written = line.between(start, end)
        if person_of_key(key, written) and (not prose or written[:1].isupper()):
            kind = Kind.NAME
    if value.strip() in STATIC or value.startswith(("[", "sip:", "sips:")):
        return None
    if prose and kind in NUMBERED and not any(map(str.isdigit, value)):
        return None
    if prose and not quoted and key in BEFORE_COLON:
        return None
    if kind is Kind.IP and value in ("127.0.0.1", "::1", "0.0.0.0"):  # noqa: S104  # compared, not bound
        return None
    return kind


BEFORE_COLON = cues.words(
    "patient caller doctor appointment contact ip account card clinic hospital emergency mother father first last insurance auth family given member address claim"
)
"""Words that also stand before a colon in prose, with a sentence after it."""


def field_spans(line: Line) -> Iterator[Span]:
    """Values of telling keys in a record that is not JSON."""
    shadow = line.shadow
    if "=" not in shadow and ":" not in shadow:
        return
    for match in PAIR.finditer(shadow):
        group = 3 if match[3] is not None else 4 if match[4] is not None else 5
        quoted = group != 5
        start, end = match.span(group)
        kind = _kind_of_pair(line, match, start, end, quoted=quoted)
        if kind is None:
            continue
        if not quoted:
            while end > start and shadow[end - 1] in ".:":
                end -= 1
            if kind in (Kind.NAME, Kind.ADDRESS, Kind.CITY, Kind.ORG, Kind.PROVIDER, Kind.FACILITY):
                end = _more_words(line, end)
        if end > start:
            yield Span(start, end, kind, Layer.FIELDS)


def _more_words(line: Line, end: int) -> int:
    """A bare name goes on with the next capitalised words: "name=John Smith phone=..."."""
    for i in range(bisect_left(line.starts, end), line.count):
        if line.starts[i] != end + 1 or not line.words[i].isalpha() or not line.capital(i):
            return end
        after = line.words[i + 1] if i + 1 < line.count else ""
        if after in ("=", ":") or (after == "_" and line.joined(i + 1)):
            return end
        end = line.ends[i]
    return end


def kept_numbers(line: Line) -> list[tuple[int, int]]:
    """Where numbers stand whose key says they are counts: no layer of digits may take them."""
    kept = [
        match.span(2)
        for match in NUMBER_PAIR.finditer(line.shadow)
        if kind_of_key(match[1]) is None
        and keeps_number(match[1])
        and not age_of_key(match[1], match[2])
    ]
    for match in LINE_NUMBER.finditer(line.shadow):
        kept.extend(m.span() for m in NUMBER.finditer(line.shadow, match.start(), match.end()))
    kept.extend(m.span() for m in PROCESS_NUMBER.finditer(line.shadow))
    return kept


NUMBER_PAIR = re.compile(
    r"([a-z][a-z0-9_.-]{0,40})[\"']?[ ]{0,2}[=:][ ]{0,2}\"?(-?[0-9]{1,18}(?:\.[0-9]{1,12})?)(?![0-9a-z-]|\.[0-9]|/[0-9])"
)
NUMBER = re.compile(r"[0-9]{1,7}")
PROCESS_NUMBER = re.compile(
    r"\b[a-z][a-z_.-]{1,30}\[([0-9]{1,7})\](?=:)|(?<=\] )\[([0-9]{1,7})\](?= \[)|\b(?:c|h|cc|cpp|py|js|ts|rs|go|so):([0-9]{1,6})(?![0-9])"
)
LINE_NUMBER = re.compile(
    r"\b(?:line|lines|port|pid|tid|ssrc|status|code|errno|seq|offset|byte|bytes|position|char|column|worker|took|after|rate|than|exceeds|exceeded|limit|http/[0-9.]{1,3}\"?|process|cseq:?|error|gap|schema|version) (?:[0-9]{1,7} ?(?:->|to) ?)?([0-9]{1,7})(?![0-9a-z-]|\.[0-9]{3})"
)
