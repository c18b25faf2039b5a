"""What a question asks for, in English and Spanish: a slot's name, or the words of whoever asks. It knows no answer."""

from __future__ import annotations

import re

from phi.kinds import Kind

ASKED_CHARS = 160
SLOTS = {
    "phone": Kind.PHONE, "telephone": Kind.PHONE, "dob": Kind.DATE, "date": Kind.DATE, "name": Kind.NAME, "address": Kind.ADDRESS, "ssn": Kind.SSN, "zip": Kind.ZIP,
    "mrn": Kind.MRN, "member": Kind.MEMBER, "email": Kind.EMAIL, "city": Kind.CITY, "account": Kind.ACCOUNT, "employer": Kind.ORG, "spelling": Kind.NAME,
}  # fmt: skip
QUESTIONS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (
        Kind.AGE,
        (
            "how old",
            " age",
            "que edad",
            "la edad",
            "su edad",
            "cuantos anos",
        ),
    ),
    (
        Kind.DATE,
        (
            "date of birth",
            "birthday",
            "birth date",
            "birthdate",
            "were you born",
            "was born",
            "fecha de nacimiento",
            "dob",
            "fecha",
            "nacio",
            "what date",
            "which date",
            "what day",
        ),
    ),
    (
        Kind.PHONE,
        (
            "phone",
            "call you",
            "reach you",
            "callback",
            "cell number",
            "telefono",
            "celular",
            "fax",
            "numero para llamar",
            "call back number",
        ),
    ),
    (Kind.SSN, ("social", "seguro social", "last four", "ultimos cuatro")),
    (Kind.EMAIL, ("email", "e-mail", "correo")),
    (
        Kind.ADDRESS,
        (
            "address",
            "where do you live",
            "street",
            "direccion",
            "domicilio",
            "donde vive",
            "mailing",
        ),
    ),
    (Kind.ZIP, ("zip", "postal")),
    (Kind.CITY, ("what city", "which city", "que ciudad", "what town", "which town", "county")),
    (
        Kind.ORG,
        (
            "where do you work",
            "employer",
            "donde trabaja",
            "what school",
            "which school",
            "work for",
        ),
    ),
    (
        Kind.MEMBER,
        (
            "member id",
            "member number",
            "insurance id",
            "policy number",
            "group number",
            "subscriber",
            "insurance number",
            "insurance card",
            "poliza",
            "miembro",
            "afiliado",
            "medicare number",
        ),
    ),
    (Kind.MRN, ("record number", "mrn", "chart number", "expediente")),
    (
        Kind.ACCOUNT,
        (
            "account number",
            "card number",
            "claim number",
            "prescription number",
            "confirmation number",
            "reference number",
            "license",
            "plate",
            "serial",
            "passport",
            "authorization number",
            "rx number",
            "case number",
            "id number",
            "numero de cuenta",
            "tarjeta",
            "licencia",
            "pasaporte",
            "placa",
        ),
    ),
    (
        Kind.NAME,
        (
            "name",
            "spell",
            "who am i speaking",
            "who's calling",
            "who is calling",
            "may i ask who",
            "nombre",
            "apellido",
            "deletre",
            "quien habla",
            "como se llama",
            "se llama",
            "llamo",
            "who is this",
            "whom am i",
        ),
    ),
)
KIND_OF_QUESTION = {phrase: kind for kind, phrases in QUESTIONS for phrase in phrases}
ASKING = re.compile("|".join(re.escape(p) for p in sorted(KIND_OF_QUESTION, key=len, reverse=True)))


def asked(shadow: str) -> Kind | None:
    """What the last question of a record asks for."""
    found = None
    for match in ASKING.finditer(shadow, max(0, len(shadow) - ASKED_CHARS)):
        found = KIND_OF_QUESTION[match[0]]
    return found
