"""Keys that say who somebody is, and values that look like a person's name. It knows no record and no offset.

A key such as `guarantor` holds a name whatever the value; one such as `client` holds a person or a program, so
there the value must look like a name.
"""

from __future__ import annotations

import re

from phi import cues
from phi.lexicon import COMMON, SAFE, TABLE
from phi.vocabulary import known_word

ALWAYS = cues.words("""
 guarantor insured policyholder holder cardholder accountholder kin representative proxy signer signatory attendee requester requestor husband wife son
 daughter sibling sister brother parent caregiver carer dependent alias aka responsable solicitante acompanante tutor conyuge madre padre hijo hija esposo esposa asegurado maiden nickname
 grandmother grandfather aunt uncle cousin spouse guardian partner next_of_kin beneficiario titular decedent ward minor informant interpreter enrollee
""")
PERHAPS = cues.words("""
 who whom person individual resident client customer owner author sender recipient assignee assigned operator agent user party member witness caller patient contact relative
 emergency cliente usuario contacto persona paciente by speaker callee from to cc donor candidate employee staff student mother father provider doctor physician nurse reviewer approver
 subscriber responsible signed family given first last middle nombre mom dad baby child kid friend neighbor
""")
NO_PERSON = cues.words(
    "id ids uuid type status count code role language lang version flag email phone number agent_version relationship relation gender sex age url uri path key token mode hash"
)
TITLED = re.compile(
    r"(?:[^\W\d_a-z]\.|[^\W\d_a-z][^\W\d_]*(?:['’.-][^\W\d_]+)*\.?)(?:,? (?:(?:de|la|del|van|von|der|den|da|dos|bin|al|y|el) )?(?:[^\W\d_a-z]\.?|[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*\.?)){0,3}"
)
"""One to four capitalised words, initials and particles between them."""
VALUE_MAX_CHARS = 60


def names_always(parts: list[str]) -> bool:
    """Whether a key's value is somebody's name whatever it looks like."""
    return bool(parts) and not NO_PERSON & set(parts) and bool(ALWAYS & set(parts[-3:]))


def names_perhaps(parts: list[str]) -> bool:
    """Whether a key's value may be somebody's name."""
    return bool(parts) and not NO_PERSON & set(parts) and bool(PERHAPS & set(parts))


def looks_like_a_name(value: str) -> bool:
    """Whether a value is a few capitalised words that are not all words of our own."""
    if len(value) > VALUE_MAX_CHARS:
        return False
    if not TITLED.fullmatch(value):
        return value.islower() and _strange(value)
    words = [w for w in re.split(r"[^a-z]+", value.lower()) if len(w) > 1]
    if not words or all(TABLE.get(w, 0) & COMMON or w in PLAIN_VALUES for w in words):
        return False
    return len(words) > 1 or not value.isupper()


def _strange(value: str) -> bool:
    """Two or three words in small letters, one of them in no list."""
    words = value.split()
    return (
        2 <= len(words) <= 3
        and all(w.replace("-", "").replace("'", "").isalpha() for w in words)
        and any(not known_word(w, SAFE) for w in words)
    )


PLAIN_VALUES = cues.words("""
 self mother father parent spouse child other unknown none yes no male female caller agent system user assistant bot admin root default test guest anonymous today tomorrow new returning
 primary secondary home work mobile english spanish done error pending active inactive open closed high low medium normal urgent complete completed failed success true false created updated
 thanks thank hello hi sorry okay ok please well right sure good refill appointment prescription billing question request lab results message hours directions referral insurance update front desk
""")
