"""Any change to a chain is found, by anyone who has the public key."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi.chain import Chain, Head, body_of, heads_in
from phi.chain_check import ChainCheck, FaultKind, Unproven, Verdict
from phi.chain_key import AnyKey, ChainKey, KeyUnreadable, PublicChainKey

RECORDS = 40
EVERY = 7
"""A checkpoint follows so many records."""


@functools.cache
def key() -> ChainKey:
    return ChainKey.new()


@functools.cache
def chain_of(records: int = RECORDS) -> tuple[bytes, ...]:
    chain = Chain()
    lines = []
    for number in range(records):
        lines.append(chain.append("call_start", {"call_id": f"c{number:012x}", "agent": "a"}))
        if number % EVERY == EVERY - 1:
            lines.append(chain.checkpoint(key().sign, {"key": key().public.fingerprint}))
    lines.append(chain.checkpoint(key().sign, {"key": key().public.fingerprint}))
    return tuple(lines)


def checked(
    lines: Sequence[bytes], heads: Sequence[Head] = (), unsigned_max: int = 1_000
) -> Verdict:
    check = ChainCheck(AnyKey((key().public,)), heads, unsigned_max=unsigned_max)
    check.feed("file", lines)
    return check.finish()


def end_of(lines: Sequence[bytes]) -> Head:
    return checked(lines).head


def kinds(verdict: Verdict) -> set[FaultKind]:
    return {fault.kind for fault in verdict.faults}


def rewritten(lines: Sequence[bytes], change: Callable[[int, bytes], bytes | None]) -> list[bytes]:
    """What somebody without the signing key can do at best: link everything anew, keep the signatures."""
    chain = Chain()
    out = []
    for number, line in enumerate(lines):
        changed = change(number, line)
        if changed is None:
            continue
        body = changed[: changed.rindex(b',"hash":"')]
        body = body.replace(body[: body.index(b",")], b'{"seq":%d' % (chain.seq + 1), 1)
        out.append(chain._link(body))
    return out


def test_an_untouched_chain_is_whole_and_signed_to_its_end() -> None:
    lines = chain_of()
    verdict = checked(lines)
    assert verdict.whole
    assert verdict.records == len(lines)
    assert verdict.signed_to == len(lines)
    assert verdict.unsigned == 0
    assert verdict.checkpoints == 6


def test_a_record_has_one_spelling() -> None:
    assert body_of(3, "t", {"b": 1, "a": "é"}) == b'{"seq":3,"type":"t","a":"\\u00e9","b":1'
    assert body_of(3, "t", {"a": "é", "b": 1}) == body_of(3, "t", {"b": 1, "a": "é"})
    with pytest.raises(ValueError, match="JSON compliant"):
        body_of(1, "t", {"a": float("nan")})


@given(st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    lines = list(chain_of())
    at = data.draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    place = data.draw(st.integers(0, len(line) - 1))
    new = data.draw(st.integers(0, 255).filter(lambda b: b != line[place]))
    lines[at] = line[:place] + bytes([new]) + line[place + 1 :]
    stream = b"".join(lines).splitlines(keepends=True)
    assert not checked([part for part in stream if part]).whole


@given(st.sets(st.integers(0, RECORDS + 4), min_size=1, max_size=5))
def test_any_deleted_records_before_the_end_are_found(gone: set[int]) -> None:
    left = [line for number, line in enumerate(chain_of()) if number not in gone]
    assert FaultKind.MISSING in kinds(checked(left))


@given(st.integers(0, RECORDS + 5), st.integers(0, RECORDS + 5))
def test_any_two_swapped_records_are_found(one: int, other: int) -> None:
    lines = list(chain_of())
    lines[one], lines[other] = lines[other], lines[one]
    assert checked(lines).whole == (one == other)


@given(st.integers(0, RECORDS + 5), st.integers(0, RECORDS + 5))
def test_any_repeated_record_is_found(which: int, before: int) -> None:
    lines = list(chain_of())
    lines.insert(before, lines[which])
    assert not checked(lines).whole


@given(st.integers(0, RECORDS + 5))
def test_any_cut_back_to_before_an_exported_head_is_found(left: int) -> None:
    lines = chain_of()
    head = end_of(lines)
    verdict = checked(lines[:left], [head])
    assert kinds(verdict) == {FaultKind.CUT}
    assert checked(lines, [head]).whole


@given(st.integers(0, len(b"x" * 200)))
def test_a_line_without_its_end_is_found(left: int) -> None:
    lines = list(chain_of())
    lines[-1] = lines[-1][: min(left, len(lines[-1]) - 1)]
    if lines[-1]:
        assert FaultKind.UNFINISHED in kinds(checked(lines))


@given(st.integers(0, RECORDS + 4))
def test_a_past_that_was_linked_anew_without_the_key_fails_at_the_checkpoints(edited: int) -> None:
    def edit(number: int, line: bytes) -> bytes:
        return line.replace(b'"agent":"a"', b'"agent":"b"') if number == edited else line

    lines = chain_of()
    forged = rewritten(lines, edit)
    same = forged == list(lines)
    assert (kinds(checked(forged)) == {FaultKind.FORGED}) != same
    # ... and at the exported head, should the checkpoints be left out as well
    bare = rewritten(forged, lambda n, line: None if b'"type":"checkpoint"' in line else line)
    verdict = checked(bare, [end_of(lines)])
    assert verdict.signed_to == 0
    assert FaultKind.CUT in kinds(verdict)


def test_more_unsigned_records_than_a_writer_leaves_are_a_fault() -> None:
    chain = Chain()
    lines = [chain.append("t", {}) for _ in range(12)]
    assert kinds(checked(lines, unsigned_max=11)) == {FaultKind.UNSIGNED}
    assert checked(lines, unsigned_max=12).whole


def test_a_checkpoint_of_another_key_is_forged() -> None:
    chain, other = Chain(), ChainKey.new()
    lines = [chain.append("t", {}), chain.checkpoint(other.sign, {})]
    verdict = checked(lines)
    assert kinds(verdict) == {FaultKind.FORGED}
    assert verdict.signed_to == 0


def test_a_signature_of_another_place_in_the_chain_is_forged() -> None:
    lines = chain_of()
    borrowed = lines[EVERY].split(b'"signature":"')[1][:128]

    def swap(number: int, line: bytes) -> bytes:
        own = line.split(b'"signature":"')
        return line.replace(own[1][:128], borrowed) if number == len(lines) - 1 else line

    assert kinds(checked(rewritten(lines, swap))) == {FaultKind.FORGED}


def test_a_bad_last_signature_is_found_beyond_those_checked_as_they_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("phi.chain_check.CHECKED_AT_ONCE", 1)
    lines = chain_of()
    assert checked(lines).signed_to == len(lines)
    forged = rewritten(lines, lambda n, line: line.replace(b'"agent":"a"', b'"agent":"b"'))
    verdict = checked(forged)
    assert verdict.signed_to == 0
    assert kinds(verdict) == {FaultKind.FORGED}


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_a_good_signature_after_a_restart_does_not_cover_a_forged_one_before_it(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phi.chain_check.CHECKED_AT_ONCE", at_once)
    lines = list(chain_of())
    end = end_of(lines)
    chain, other = Chain(end.seq, bytes.fromhex(end.hash)), ChainKey.new()
    lines += [chain.append("call_start", {}), chain.checkpoint(other.sign, {})]
    lines += [chain.append("chain_recovered", {}), chain.checkpoint(key().sign, {})]
    verdict = checked(lines)
    assert verdict.unproven == (Unproven(end.seq + 1, end.seq + 2, end.seq + 3),)
    assert kinds(verdict) == {FaultKind.FORGED}
    assert checked(chain_of()).unproven == ()


def test_a_chain_goes_on_from_a_head_that_was_archived() -> None:
    lines = chain_of()
    head = end_of(lines[:20])
    check = ChainCheck(AnyKey((key().public,)), (), head)
    check.feed("rest", lines[20:])
    assert check.finish().whole
    assert kinds(checked(lines[20:])) == {FaultKind.MISSING}


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_no_bytes_make_the_check_raise(lines: list[bytes]) -> None:
    verdict = checked([line + b"\n" for line in lines])
    assert verdict.whole == (not lines)


def test_heads_are_found_in_any_text() -> None:
    head = Head(7, "ab" * 32)
    text = f"<85>wardline: {head.line()}\nnothing\n{Head(9, 'cd' * 32).line()} trailing"
    assert heads_in(text) == [head, Head(9, "cd" * 32)]


def test_keys_survive_their_files_and_rubbish_is_refused() -> None:
    again = ChainKey.from_pem(key().pem())
    public = PublicChainKey.from_pem(again.public.pem())
    assert public.fingerprint == key().public.fingerprint
    assert public.verify(again.sign(b"message"), b"message")
    assert not public.verify(again.sign(b"message"), b"massage")
    for reader in (ChainKey.from_pem, PublicChainKey.from_pem):
        with pytest.raises(KeyUnreadable):
            reader(b"rubbish")
    assert "PRIVATE" not in repr(key())
