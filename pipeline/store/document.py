"""What is sealed in one request's row, as bytes and back. Knows no key and no table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """The content of a request."""

    fields: Mapping[str, str] = field(default_factory=dict)
    urgent: str = ""
    """Kind of the urgent words that were heard."""
    ended: str = ""
    schema_digest: str = ""

    def __repr__(self) -> str:
        """Without the content."""
        return f"Document({len(self.fields)} fields)"

    def merged(self, newer: Document) -> Document:
        """Take over what `newer` knows; nothing that is known is emptied (row D7)."""
        return Document(
            {**self.fields, **newer.fields},
            newer.urgent or self.urgent,
            newer.ended or self.ended,
            newer.schema_digest or self.schema_digest,
        )

    def to_bytes(self) -> bytes:
        """For sealing."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> Document:
        """From an unsealed row: what opened was written by us."""
        return cls(**json.loads(text))
