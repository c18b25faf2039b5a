"""Names by cue, by what is said to somebody, by keys, segments and headers; words that only look like names stay."""

from __future__ import annotations

import pytest

from phi.carry import CallContext
from tests.phi.unhurried import unhurried

REDACTOR = unhurried()


def redact(text: str, lang: str | None = None) -> str:
    return REDACTOR.redact(text, CallContext(lang, single=True)).text


GONE = [
    ("Pt. Molina c/o back pain", "Molina"),
    ("Pt Vasquez-Ortiz seen today", "Vasquez-Ortiz"),
    ("pt okafor no show", "okafor"),
    ("hi my name is jeffrey case and i need a refill", "jeffrey case"),
    ("put it under miller", "miller"),
    ("the appointment is under winters", "winters"),
    ("can you ask hope to call me", "hope"),
    ("this is will calling about my labs", "will"),
    ("april said she would bring the papers", "april"),
    ("is grace there", "grace"),
    ("i'm faith", "faith"),
    ("tell rosa i'm running late", "rosa"),
    ("it's for my son chase", "chase"),
    ("my wife joy takes the same thing", "joy"),
    ("mark here", "mark"),
    ("let me spell that w e i s s", "w e i s s"),
    ("first name summer last name lake", "summer"),
    ("Lane, Penny", "Lane, Penny"),
    ("Stone, R. DOB on file", "Stone, R."),
    ("O'Shaughnessy called", "O'Shaughnessy"),
    ("guarantor: Teller", "Teller"),
    ("guarantor=Rivers", "Rivers"),
    ("/var/spool/faxes/okonkwo_ada_1959.pdf", "okonkwo_ada_1959"),
    ("/data/recordings/hassan-yusuf/call.wav", "hassan-yusuf"),
    ("C:\\Users\\jbriggs\\AppData\\Local", "jbriggs"),
    ("saved to /tmp/Molina_Teresa_19620304.txt", "Molina_Teresa_19620304"),
    ("FileNotFoundError: '/srv/scans/lindqvist.tiff'", "lindqvist"),
    ("KeyError: 'Abernathy'", "Abernathy"),
    ("ValueError: invalid literal for int() with base 10: 'Kowalczyk'", "Kowalczyk"),
    ('psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint "patients_pkey" DETAIL: Key (last_name)=(Whitcomb) already exists.', "Whitcomb"),
    ('sqlite3.IntegrityError near "Delacroix": syntax error', "Delacroix"),
    ("SELECT * FROM patients WHERE last_name = 'Brook' AND first_name = 'Daisy'", "Brook"),
    ("INSERT INTO callers (name) VALUES ('Heath Ledger')", "Heath Ledger"),
    ('From: "Amber Stone" <sip:1001@10.0.0.9>', "Amber Stone"),
    ("To: Priya Raghunathan <priya.r@example.org>", "Priya Raghunathan"),
    ("Cc: Hunter Young", "Hunter Young"),
    ("Reply-To: marisol@fernmail.net", "marisol@fernmail.net"),
    ("PID|1||884213^^^MRN||WINTERS^APRIL^J||19580214|F", "884213"),
    ("NK1|1|STONE^MASON|SPO", "STONE^MASON"),
    ("caller miles cooper wants a callback", "miles cooper"),
    ("the patient pearl diver is waiting", "pearl diver"),
    ("you can reach my sister dawn at home", "dawn"),
    ("thanks holly", "holly"),
    ("thank you frank", "frank"),
    ("hi jack it's dean", "jack"),
    ("mrs bush called again", "bush"),
    ("mr white's wife is on the line", "white"),
    ("dr fox said to come in", "fox"),
    ("spoke with jordan at the front desk", "jordan"),
    ("my daughter savannah has a fever", "savannah"),
    ("bill young date of birth on file", "bill young"),
    ("last name is black like the color", "black"),
    ("the name is rice", "rice"),
    ("surname short", "short"),
    ("it's under long", "long"),
    ("me llamo luz flores", "luz flores"),
    ("habla guadalupe cruz", "guadalupe cruz"),
    ("mi hijo angel tiene fiebre", "angel"),
    ("es para mi esposa paz", "paz"),
    ("a nombre de rosario campos", "rosario campos"),
    ("soy jesus rey", "jesus rey"),
    ("mi apellido es calle", "calle"),
    ("i go by sunny", "sunny"),
    ("everyone calls me buddy", "buddy"),
    ("nguyen spelled n g u y e n", "nguyen"),
    ("it's siobhan s i o b h a n", "siobhan"),
    ("Xochitl Tzintzun", "Xochitl Tzintzun"),
    ("my name's ta-nehisi", "ta-nehisi"),
    ("Jean-Luc Baptiste-Moreau is here", "Jean-Luc Baptiste-Moreau"),
    ("caller_name=Rose Glass outcome=booked", "Rose Glass"),
    ("user=hpark logged in", "hpark"),
    ('patient="Jade Fountain" status=waiting', "Jade Fountain"),
    ("tool call lookup_patient(name='Joy Winter', dob='1971-02-03')", "Joy Winter"),
    ("assistant: Thanks, Autumn. What's your date of birth?", "Autumn"),
    ("caller: heather bloom", "heather bloom"),
    ("<patient><given>Heather</given><family>Bloom</family></patient>", "Heather"),
    ("heather.bloom has not signed the form", "heather"),
    ("B. Summers", "B. Summers"),
    ("j. case called", "j. case"),
    ("initials j k l", "j k l"),
    ("ms love is allergic to penicillin", "love"),
    ("this is angel angel rios", "angel"),
    ("this message is for temple grandin", "temple grandin"),
    ("the baby's name is river", "river"),
    ("we named her story", "story"),
    ("her maiden name was little", "little"),
]  # fmt: skip
STAYS = [
    "i hope the joy of cooking helps",
    "the rose garden makes me sneeze",
    "may i ask why you're calling",
    "i will march right down there",
    "grant me a favor and hold",
    "can you bill my insurance",
    "is dialysis covered under part b",
    "put it under water for a minute",
    "self-signed certificate",
    "the summer was hot",
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), GONE)
def test_a_name_goes(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_a_name_stays(text: str) -> None:
    assert redact(text) == text
