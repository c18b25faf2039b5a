"""Numbers and codes that identify; counts, releases, models, vital signs and emergency numbers stay."""

from __future__ import annotations

import pytest

from phi.carry import CallContext
from tests.phi.unhurried import unhurried

REDACTOR = unhurried()


def redact(text: str, lang: str | None = None) -> str:
    return REDACTOR.redact(text, CallContext(lang, single=True)).text


GONE = [
    ("it's eight one three five five five oh one nine nine", "eight one three"),
    ("8135550199", "8135550199"),
    ("area code eight one three then five five five oh one nine nine", "eight one three"),
    ("last four are six two oh nine", "six two oh nine"),
    ("the social is nine hundred twelve three four five six", "nine hundred"),
    ("member number x j as in john four four nine two", "x j as in john four four nine two"),
    ("w p q nine nine oh one", "w p q"),
    ("XJP-4492-01", "XJP-4492-01"),
    ("policy zulu kilo niner niner two", "zulu kilo niner niner two"),
    ("my medicare is 1EG4-TE5-MK73", "1EG4-TE5-MK73"),
    ("license d four four nine dash two two one", "d four four nine dash two two one"),
    ("plate abc one two three", "abc one two three"),
    ("the vin ends in six one one oh", "six one one oh"),
    ("serial number S N 4 4 2 A", "S N 4 4 2 A"),
    ("case 44-1029", "44-1029"),
    ("confirmation bravo seven seven lima", "bravo seven seven lima"),
    ("claim #CLM0098231", "CLM0098231"),
    ("jay dot doe at mail dot com", "jay dot doe at mail dot com"),
    ("j underscore park at fernmail dot net", "park"),
    ("priya_r@clinic-mail.example", "priya_r@clinic-mail.example"),
    ("https://portal.example.org/p/88213?name=ada&dob=1959-01-02", "88213"),
    ("GET /api/patients/44213/visits?last=Okonkwo 200", "44213"),
    ("http://10.1.2.3/x 203.0.113.9", "203.0.113.9"),
    ("x-forwarded-for: 198.51.100.77", "198.51.100.77"),
    ("mac 00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7"),
    ("sip:+18135550199@trunk.example.net", "8135550199"),
    ("tel:+1-813-555-0199", "813-555-0199"),
    ("a=candidate:1 1 udp 2122260223 192.0.2.44 54321 typ host", "192.0.2.44"),
    ("mi número es el ocho uno tres cinco cinco cinco cero uno nueve nueve", "ocho uno tres cinco cinco cinco cero uno nueve nueve"),
    ("mi teléfono es 55 12 34 56 78", "55 12 34 56 78"),
    ("mi número de seguro es el novecientos doce, treinta y cuatro, cincuenta y seis setenta y ocho", "novecientos doce"),
    ("npi 1234567893", "1234567893"),
    ("dea AB1234563", "AB1234563"),
    ("@gracemiller84 on instagram", "gracemiller84"),
    ("my insta is grace underscore m eight four", "grace underscore m eight four"),
    ("passport X12345678", "X12345678"),
    ("rx 7740021", "7740021"),
    ("Plate KDW 219 (TX)", "KDW 219"),
    ("license plate KDW-219", "KDW-219"),
    ("tag number RTX 4471", "RTX 4471"),
    ("vehicle 8ABC123, VIN WBA3A5C51CF256551", "8ABC123"),
    ("policy AB 44 19 20", "AB 44 19 20"),
    ("member QRS 44719", "QRS"),
    ("DL: S530-4609-4331", "S530-4609-4331"),
    ("passport no. K 9918273", "K 9918273"),
    ("claim WC 2024 00918", "WC 2024 00918"),
    ("Device SN TX-90-1182", "TX-90-1182"),
    ("the plate number is k d w two one nine", "k d w two one nine"),
    ("auth code PQ7-11X", "PQ7-11X"),
    ("chart RM-2291", "RM-2291"),
    ("employee id E 10442", "E 10442"),
    ("case no CR-24-1180", "CR-24-1180"),
    ("student id 900 44 1182", "900 44 1182"),
    ("acct: GH-4471", "GH-4471"),
    ("badge 7714", "7714"),
    ("rx# RX 7714-22", "RX 7714-22"),
    ("placa JKL 44 19", "JKL 44 19"),
    ("matrícula 4471 KDW", "4471 KDW"),
    ("id card ZH 998 112", "ZH 998 112"),
    ("plates read TKM 882", "TKM 882"),
    ("Ticket HD-99182", "HD-99182"),
    ("order PO-118273", "PO-118273"),
    ("license CDL 44192283", "CDL 44192283"),
    ("fingerprint id FP-22918", "FP-22918"),
]  # fmt: skip
STAYS = [
    "my a1c went from seven point two to six point eight",
    "please call nine one one if this is an emergency",
    "cache hit ratio 0.93 over the last 1000 lookups",
    "TimeoutError: deadline exceeded after 14.0 s",
    "Labs: Na 138, K 4.1, Cr 0.9, WBC 7.8, Hgb 13.2, Plt 240",
    "gc collected 2231 objects in 14.2 ms",
    "python 3.11.7 on linux",
    "May 02 10:11:12 edge-1 wardline[3320]: listening on 0.0.0.0:8443",
    "model llama-3.1-8b-instruct loaded",
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), GONE)
def test_a_number_goes(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_a_number_stays(text: str) -> None:
    assert redact(text) == text
