"""The audit's keys: made once, private, and a caller's hash that means nothing elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.audit.keys import open_keys
from pipeline.errors import StartUpError


def test_row_a2_a_caller_has_one_hash_here_and_another_elsewhere(tmp_path: Path) -> None:
    here, again, elsewhere = (open_keys(tmp_path / name) for name in ("a", "a", "b"))
    hashed = here.caller_id("number", "+12025550123")
    assert hashed == again.caller_id("number", "+12025550123")
    assert hashed != elsewhere.caller_id("number", "+12025550123")
    assert hashed != here.caller_id("address", "+12025550123")
    assert "2025550123" not in hashed


@pytest.mark.parametrize("name", ["signing.pem", "caller.key"])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, name: str) -> None:
    open_keys(tmp_path)
    (tmp_path / name).chmod(0o640)
    with pytest.raises(StartUpError, match="chmod 600"):
        open_keys(tmp_path)


@pytest.mark.parametrize("name", ["signing.pem", "caller.key"])
def test_a_damaged_key_is_a_sentence_without_its_content(tmp_path: Path, name: str) -> None:
    open_keys(tmp_path)
    (tmp_path / name).write_bytes(b"rubbish")
    with pytest.raises(StartUpError, match="put the right") as caught:
        open_keys(tmp_path)
    assert "rubbish" not in str(caught.value)


def test_a_new_signing_key_leaves_the_old_public_one_trusted(tmp_path: Path) -> None:
    old = open_keys(tmp_path)
    (tmp_path / "signing.pem").unlink()
    new = open_keys(tmp_path)
    assert new.signing.public.fingerprint != old.signing.public.fingerprint
    assert new.trusted(old.signing.sign(b"m"), b"m")
    assert new.trusted(new.signing.sign(b"m"), b"m")
    assert "Private" not in repr(new)
