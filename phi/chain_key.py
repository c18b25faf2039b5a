"""The two halves of a chain's key as files hold them: Ed25519 in PEM, with a fingerprint to compare by eye.

Refuses to know where the files are; whoever holds the signing half is the one person who could write a chain anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

FINGERPRINT_DIGITS = 32


class KeyUnreadable(ValueError):
    """The bytes are not a key of the expected kind; nothing of them is quoted."""


@dataclass(frozen=True, slots=True, repr=False)
class ChainKey:
    """The signing half."""

    _private: Ed25519PrivateKey

    @classmethod
    def new(cls) -> ChainKey:
        """A fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> ChainKey:
        """The key that `pem` returned; raises `KeyUnreadable`."""
        try:
            loaded = load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            raise KeyUnreadable("not a private key in PEM") from None
        if not isinstance(loaded, Ed25519PrivateKey):
            raise KeyUnreadable("not an Ed25519 key")
        return cls(loaded)

    def pem(self) -> bytes:
        """The signing half, unencrypted: for a file that only the server's user may read."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(message)

    @property
    def public(self) -> PublicChainKey:
        """The half that anybody may have."""
        return PublicChainKey(self._private.public_key())


@dataclass(frozen=True, slots=True)
class PublicChainKey:
    """The checking half."""

    _public: Ed25519PublicKey

    @classmethod
    def from_pem(cls, pem: bytes) -> PublicChainKey:
        """The key that `pem` returned; raises `KeyUnreadable`."""
        try:
            loaded = load_pem_public_key(pem)
        except (ValueError, TypeError):
            raise KeyUnreadable("not a public key in PEM") from None
        if not isinstance(loaded, Ed25519PublicKey):
            raise KeyUnreadable("not an Ed25519 key")
        return cls(loaded)

    def pem(self) -> bytes:
        """The checking half."""
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """A short name of the key, to compare with one that was written down elsewhere."""
        raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return sha256(raw).hexdigest()[:FINGERPRINT_DIGITS]

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the signing half of this key made the signature."""
        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class AnyKey:
    """Callable as `phi.chain_check.Verify`."""

    keys: tuple[PublicChainKey, ...]

    def __call__(self, signature: bytes, message: bytes) -> bool:
        """Whether one of the keys made the signature."""
        return any(key.verify(signature, message) for key in self.keys)
