"""`wardline tls init`: a certificate authority for one's own network, and a certificate that it signed.

Browsers give a page the microphone only over HTTPS or on localhost; a clinic's box has no public name, so
it needs an authority of its own. The authority's key is for later renewals and stays on this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import ipaddress
import json
import os
import pwd
import re
import shutil
import socket
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipeline.cli import Command
from pipeline.clock import wall_now
from pipeline.private_folder import make_private

CA_DAYS = 3650
CERTIFICATE_DAYS = 397
"""Browsers refuse server certificates that live longer."""
RENEW_BEFORE_DAYS = 30

CA_CERT, CA_KEY = "wardline-ca.pem", "wardline-ca.key"
CERT, KEY = "server.pem", "server.key"


HOST_CHARACTERS_MAX = 253
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
"""RFC 1123 section 2.1, and the underscore that names in local networks have."""


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="make the authority (once) and a server certificate")
    init.add_argument(
        "--directory", type=_folder, default=Path("var/tls"), help="where (default %(default)s)"
    )
    init.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        type=_host,
        help="a host name or address callers type; may be repeated (default: this machine's)",
    )


def _folder(text: str) -> Path:
    """A shell leaves the `~` of `--directory=~/tls` alone."""
    return Path(os.path.expanduser(text))


def _host(text: str) -> str:
    """A name or an address as it stands in a URL and in a certificate."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text))
    if len(text) > HOST_CHARACTERS_MAX or not _HOST.match(text):
        raise argparse.ArgumentTypeError(
            "a host is a name of letters, digits, hyphens and dots, or an address; nothing was made"
        )
    return text


def _run(arguments: argparse.Namespace) -> int:
    names = arguments.name or own_names()
    try:
        fresh = make(arguments.directory, names, wall_now())
    except (OSError, ValueError) as error:
        print(f"tls init: cannot write certificates: {_plain(error)}", file=sys.stderr)
        return 1
    folder = arguments.directory.resolve()
    made = "made" if fresh else "kept"
    user = _own_user()
    whose = f"{user} is the user that runs the server; without\n   --user they would cut off the whole machine's DNS, time and updates"
    print(f"""The certificate authority was {made}, and a certificate issued for: {", ".join(names)}
It is valid for {CERTIFICATE_DAYS} days; run this command again to renew it (the server picks it up while running).

1. Put this into your configuration file:
     [http]
     bind = "0.0.0.0"
     public_url = "https://{names[0]}:8080"
     [tls]
     cert = "{folder / CERT}"
     key = "{folder / KEY}"
     [media]
     allowed_networks = {_networks()}  # whose sound is accepted: name every network of your callers
   and load the kernel's rules, without which a bind beyond loopback is refused. {whose}:
     {_program()} egress-rules --config FILE --user {user} > egress.nft && sudo nft -f egress.nft
2. Install the authority on each computer that calls (never the .key files):
     {folder / CA_CERT}
   Windows   double-click, Install Certificate, Local Machine, Trusted Root Certification Authorities
   macOS     open it in Keychain Access, System, then set "Always Trust"
   Linux     copy it to /usr/local/share/ca-certificates/wardline.crt and run update-ca-certificates
   Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import
   Android and iOS   open the file, install it as a CA certificate, then trust it in the settings
3. wardline call --ca {folder / CA_CERT} --url https://{names[0]}:8080""")
    return 0


def _program() -> str:
    """How this program is called here: by its path where no search finds it."""
    beside = Path(sys.executable).with_name("wardline")
    return "wardline" if shutil.which("wardline") or not beside.exists() else str(beside)


def _own_user() -> str:
    """Whose packets to bind: those of the user who runs this, unless that is root, of whom much else is."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name if os.getuid() else "NAME"
    except KeyError:
        return "NAME"


def _networks() -> str:
    """Loopback and the /24 around this machine's address, as TOML: a start that an operator corrects."""
    networks = ["127.0.0.0/8"]
    own = own_names()[-1]
    with contextlib.suppress(ValueError):
        if not ipaddress.ip_address(own).is_loopback:
            networks.append(str(ipaddress.ip_network(f"{own}/24", strict=False)))
    return json.dumps(networks)


def own_names() -> list[str]:
    """This machine's host name, localhost and the address it reaches its network by."""
    names = [socket.gethostname(), "localhost", "127.0.0.1"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: never sent, only asks for the route
            names.append(probe.getsockname()[0])
        except OSError:
            pass
    return list(dict.fromkeys(names))


def make(directory: Path, names: list[str], now: datetime.datetime) -> bool:
    """Write authority (unless there is one) and certificate; True when the authority is new."""
    make_private(directory)
    fresh = not (directory / CA_KEY).exists()
    if fresh:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _authority(ca_key, now)
        _write_key(directory / CA_KEY, ca_key)
        (directory / CA_CERT).write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    else:
        loaded = serialization.load_pem_private_key((directory / CA_KEY).read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{CA_KEY} is not a key of ours")
        ca_key = loaded
        ca = x509.load_pem_x509_certificate((directory / CA_CERT).read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, names, ca, ca_key, now)
    _write_key(directory / KEY, key)
    (directory / CERT).write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + ca.public_bytes(serialization.Encoding.PEM)
    )
    return fresh


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wardline local authority")])
    return (
        _builder(name, name, key, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    names: list[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    return (
        _builder(subject, ca.subject, key, now, CERTIFICATE_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def _plain(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}"
    return "a file there is not what this command wrote; choose another --directory"


command = Command(
    "tls", "Make certificates for your own network (`wardline tls init`)", _configure, _run
)
