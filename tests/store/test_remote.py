"""Row C3: a database on another machine is spoken to over TLS with a checked certificate, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from pipeline.store.database import Database, Location


class _Stopped(Exception):
    """Far enough: the connection was about to be made."""


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://db.clinic.example:5432/wardline", "verify-full"),
        ("postgresql://192.0.2.7/wardline", "verify-full"),
        ("postgresql://127.0.0.1:5432/wardline", None),
    ],
)
def test_row_c3_a_server_elsewhere_must_show_its_certificate(
    tmp_path: Path, url: str, wanted: str | None
) -> None:
    given: dict[str, Any] = {}
    database = Database(Location(tmp_path, url, "wardline", "", str(tmp_path / "ca.pem")))
    engine = database._opened()

    @event.listens_for(engine, "do_connect")
    def _stop(dialect: object, record: object, arguments: object, options: dict[str, Any]) -> None:
        given.update(options)
        raise _Stopped

    with pytest.raises(_Stopped):
        engine.connect()
    assert given.get("sslmode") == wanted
    assert given["sslrootcert"] == str(tmp_path / "ca.pem")
    database.close()
