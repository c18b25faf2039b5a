"""Call tokens, open calls, rates and staff tokens on a clock of our own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pipeline.allowance import KEYS_MAX, RateLimit
from pipeline.errors import NotAuthorised, StartUpError, TooMany
from pipeline.supervisor.staff import (
    FETCH,
    FILE_NAME,
    IDLE_LIMIT_MS,
    ROLES,
    StaffToken,
    StaffTokens,
)
from pipeline.supervisor.tokens import TOKEN_LIFE_MS, TOKENS_MAX, CallTokens, OpenCalls


def test_a_token_lasts_a_minute_and_one_use() -> None:
    tokens = CallTokens()
    first, second = tokens.mint("w1", 0.0), tokens.mint("w2", 0.0)
    assert tokens.redeem(second, TOKEN_LIFE_MS - 1) == "w2"
    with pytest.raises(NotAuthorised):
        tokens.redeem(second, TOKEN_LIFE_MS - 1)
    with pytest.raises(NotAuthorised):
        tokens.redeem(first, TOKEN_LIFE_MS)


def test_outstanding_tokens_are_bounded_and_make_room_when_old() -> None:
    tokens = CallTokens()
    for _ in range(TOKENS_MAX):
        tokens.mint("w1", 0.0)
    with pytest.raises(TooMany):
        tokens.mint("w1", 1.0)
    assert tokens.mint("w1", TOKEN_LIFE_MS)


def test_tokens_that_wait_are_counted_for_each_worker_until_used_or_old() -> None:
    tokens = CallTokens()
    tokens.mint("w1", 0.0)
    used = tokens.mint("w1", 1.0)
    tokens.mint("w2", 1.0)
    tokens.redeem(used, 2.0)
    assert tokens.waiting(3.0) == {"w1": 1, "w2": 1}
    assert tokens.waiting(TOKEN_LIFE_MS) == {"w2": 1}


def test_a_call_that_ended_is_known_for_a_minute() -> None:
    calls = OpenCalls()
    call, key = calls.open("w1", 0.0)
    assert calls.end(call.call_id, 10.0, worker_lost=True)
    assert not calls.end(call.call_id, 20.0)
    assert calls.by_key(key).worker_lost
    calls.open("w1", 100_000.0)
    with pytest.raises(NotAuthorised):
        calls.by_key(key)
    assert len(calls) == 1


def test_a_rate_refills_with_time_and_forgets_old_keys() -> None:
    limit = RateLimit(2)
    assert [limit.take("a", 0.0) for _ in range(3)] == [0, 0, 31]
    assert limit.take("a", 30_000.0) == 0
    for number in range(KEYS_MAX):
        limit.take(f"k{number}", 30_000.0)
    assert limit.take("a", 30_000.0) == 0


class Wall:
    now_ms = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now_ms


def test_a_staff_token_idles_out_expires_and_is_revoked(tmp_path: Path) -> None:
    wall = Wall()
    staff = StaffTokens(tmp_path, wall)
    desk, chief = staff.create("desk", life_days=1), staff.create("chief", life_days=1)
    wall.now_ms += IDLE_LIMIT_MS * 2  # never used: not idle
    assert staff.use(desk).name == "desk"
    wall.now_ms += IDLE_LIMIT_MS - 1
    assert staff.use(desk).name == "desk"
    wall.now_ms += IDLE_LIMIT_MS
    with pytest.raises(NotAuthorised, match="15 minutes"):
        staff.use(desk)
    assert staff.use(chief).name == "chief"
    assert staff.revoke("chief") == 1
    with pytest.raises(NotAuthorised):
        staff.use(chief)
    late = staff.create("late", life_days=1)
    wall.now_ms += 86_400_000
    with pytest.raises(NotAuthorised):
        staff.use(late)


def test_row_c8_a_program_s_token_fetches_and_does_nothing_else_and_does_not_idle_out(
    tmp_path: Path,
) -> None:
    wall = Wall()
    staff = StaffTokens(tmp_path, wall)
    program = staff.create("ehr", life_days=2, role=FETCH)
    found = staff.use(program)
    assert found.may(FETCH)
    assert not any(found.may(role) for role in ROLES)
    wall.now_ms += 86_400_000
    assert staff.use(program).last_used_at_ms > 0
    (kept,) = staff.known()
    assert kept.last_used_at_ms == wall.now_ms
    assert staff.revoke("ehr") == 1
    with pytest.raises(NotAuthorised):
        staff.use(program)
    roles = {role: StaffToken("i", "n", "", "", 0, 0, role=role).may(FETCH) for role in ROLES}
    assert roles == {"readonly": False, "operator": True, "admin": True}


@pytest.mark.parametrize("token", ["", "ws_", "ws_00000000_" + "a" * 32, "é" * 50, "x" * 10_000])
def test_an_unknown_staff_token_is_refused(tmp_path: Path, token: str) -> None:
    staff = StaffTokens(tmp_path)
    good = staff.create("desk")
    with pytest.raises(NotAuthorised):
        staff.use(token)
    with pytest.raises(NotAuthorised):
        staff.use(good[:-1] + ("A" if good[-1] != "A" else "B"))


def test_the_file_holds_no_token_and_is_ours_alone(tmp_path: Path) -> None:
    staff = StaffTokens(tmp_path)
    token = staff.create("desk")
    file = tmp_path / FILE_NAME
    assert token.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_damaged_token_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"tokens": [{"id": 1}]}')
    with pytest.raises(StartUpError, match="damaged"):
        StaffTokens(tmp_path).use("ws_00000000_" + "a" * 32)


@pytest.mark.parametrize("name", ["", "two words", "../x", "a" * 41, "é"])
def test_a_token_name_is_one_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartUpError):
        StaffTokens(tmp_path).create(name)
