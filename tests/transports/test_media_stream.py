from __future__ import annotations

import asyncio
import random
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.line import Bye, Caption, Transfer
from pipeline.media.g711 import ulaw_encode
from pipeline.media.playout import FrameSink, Playout
from pipeline.media.quality import LineQuality
from pipeline.stream import messages
from pipeline.stream.local import connect as reach
from pipeline.stream.messages import Audio, Bringer, Clear, Mark
from pipeline.stream.messages import Transfer as AskedTransfer
from pipeline.stream.wire import FAILED, NORMAL, POLICY, HandshakeFailed
from pipeline.transfer import TransferOutcome
from pipeline.transports import media_stream
from tests.fakes.echo_call import TaggedCall
from tests.media.key_tones import key_tone, quiet
from tests.media.key_tones import line as carried
from tests.transports.stream_rig import FIRST, STREAM, FarEnd, opened

pytestmark = pytest.mark.wire


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # the state of another object
            await asyncio.sleep(0.002)


def coded(pcm: bytes) -> bytes:
    return ulaw_encode(np.frombuffer(pcm, "<i2"))


def tone(hz: float, seconds: float, rate_hz: int = 8_000) -> bytes:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return bytes((8_000 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes())


async def test_a_call_is_joined_hears_and_is_heard(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        assert (call.attached, call.playout.sample_rate_hz) == (1, 8_000)
        for at in range(0, 16_000, 320):
            far.say(messages.media(STREAM, coded(tone(500, 1.0)[at : at + 320])))
        far.say(messages.key(STREAM, "5"))
        call.playout.push(0, tone(500, 0.2))
        call.playout.end(0)
        await far.until(lambda: far.samples() >= 1_600)
        await until(lambda: call.keys == ["5"])
        # half a second at once is all that is taken: time has hardly passed
        assert 20 <= call.frames <= 30
        assert far.samples() == 1_600
        assert far.of(Mark)


async def test_sound_in_real_time_is_taken_whole_at_16_khz(tmp_path: Path) -> None:
    frames: list[bytes] = []
    async with opened(tmp_path) as rig:
        far, call = await rig.called("audio/x-l16", 16_000)
        call.on_audio = frames.append  # type: ignore[method-assign,assignment]  # keeps what it hears
        sound = tone(1_000, 0.2, 16_000)
        for at in range(0, len(sound), 640):
            far.say(messages.media(STREAM, sound[at : at + 640]))
        await until(lambda: len(frames) == 10)
        assert b"".join(frames) == sound


async def test_a_telephones_sound_arrives_with_twice_the_rate_and_no_image(tmp_path: Path) -> None:
    frames: list[bytes] = []
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        call.on_audio = frames.append  # type: ignore[method-assign,assignment]  # keeps what it hears
        sound = coded(tone(1_000, 0.4))
        for at in range(0, len(sound), 160):
            far.say(messages.media(STREAM, sound[at : at + 160]))
        await until(lambda: len(frames) == 20)
    heard = np.frombuffer(b"".join(frames), "<i2")[1_600:4_800].astype(float)
    level = np.abs(np.fft.rfft(heard * np.hanning(3_200)))
    at = int(np.argmax(level))
    assert at == 200  # 1 kHz of 5 Hz bins
    rest = np.delete(level, range(at - 3, at + 4))
    assert 20 * np.log10(level[at] / rest.max()) > 35  # mu-law's own noise, and no image at 7 kHz


async def test_after_a_flush_nothing_of_the_old_reply_is_on_the_socket(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        call.playout.push(0, tone(600, 5.0))
        await far.until(lambda: far.samples() >= 2_000)
        call.interrupt()
        await far.until(lambda: bool(far.of(Clear)))
        before = far.samples()
        await asyncio.sleep(0.2)
        assert [each for each in far.after_clear() if isinstance(each, Audio)] == []
        assert far.samples() == before
        call.playout.push(call.playout.epoch, tone(700, 0.1))
        await far.until(lambda: far.samples() >= before + 800)


async def test_a_goodbye_is_played_before_the_socket_closes(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        far.gives_back = False
        call.playout.push(0, tone(600, 0.3))
        call.playout.end(0)
        await far.until(lambda: far.samples() >= 2_400)
        leg = call.leg
        assert leg is not None
        leg.send(Bye("goodbye"))
        leg.close("goodbye")
        await far.until(lambda: len(far.of(Mark)) >= 5)  # each fifth frame's, the last one's, ours
        assert far.closed == []
        far.say(messages.mark(STREAM, far.of(Mark)[-1].name))  # type: ignore[union-attr]  # a mark
        await far.until(lambda: bool(far.closed))
        assert far.closed == [(NORMAL, "goodbye")]
        assert call.hung_up == []  # it closed by itself
        assert rig.door.calls == 0


async def test_a_call_that_breaks_is_no_goodbye_to_whoever_brought_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        assert call.leg is not None
        call.leg.send(Bye("error"))
        call.leg.close("error")
        await far.until(lambda: bool(far.closed))
        assert far.closed == [(FAILED, "error")]


@pytest.mark.parametrize("bringer", Bringer)
async def test_each_fifth_frame_has_a_mark_and_the_last_of_a_reply_one_that_says_so(
    tmp_path: Path, bringer: Bringer
) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called(bringer=bringer)
        for frames in (12, 5):
            call.playout.push(0, tone(600, 0.02 * frames))
            call.playout.end(0)
        await far.until(lambda: sum(each.ends_reply for each in far.marks()) == 2)
        said = [message for _, message in far.heard]
        behind = [
            sum(isinstance(each, Audio) for each in said[: said.index(mark)])
            for mark in far.marks()
        ]
        ends = [mark.ends_reply for mark in far.marks()]
        assert list(zip(behind, ends, strict=True)) == [
            (5, False), (10, False), (12, True), (17, False), (17, True),
        ]  # fmt: skip
        assert len({mark.name for mark in far.marks()}) == 5


async def test_a_far_end_that_gives_no_marks_back_does_not_hold_the_line(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        far.gives_back = False
        call.playout.push(0, tone(600, 0.3))
        call.playout.end(0)
        await far.until(lambda: far.samples() >= 2_400)
        assert call.leg is not None
        call.leg.close("goodbye")
        await far.until(lambda: bool(far.closed), limit_s=3.0)


@pytest.mark.parametrize(
    ("leaves", "reason"),
    [
        (lambda far: far.say(messages.stop(STREAM)), "caller"),
        (lambda far: far.wire.close(), "caller"),
        (lambda far: far.wire.abort(), "lost"),
    ],
)
async def test_a_caller_who_leaves_is_told_once(
    tmp_path: Path, leaves: Callable[[FarEnd], object], reason: str
) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        leaves(far)
        await until(lambda: bool(call.hung_up))
        await until(lambda: rig.door.calls == 0)
        assert call.hung_up == [reason]


async def test_on_hold_neither_side_is_heard_and_what_was_to_be_said_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        call.playout.push(0, tone(600, 0.4))
        await far.until(lambda: far.samples() >= 800)
        far.say(messages.hold(STREAM, True))
        await until(lambda: call.holds == [True])
        far.say(messages.media(STREAM, bytes(160)))
        far.say(messages.key(STREAM, "1"))
        before = far.samples()
        await asyncio.sleep(0.15)
        assert (call.frames, call.keys, far.samples()) == (0, [], before)
        far.say(messages.hold(STREAM, False))
        await far.until(lambda: far.samples() >= 3_200)
        assert call.holds == [True, False]


async def test_our_gateway_tells_how_the_line_fares_and_a_carriers_word_for_it_is_nobodys(
    tmp_path: Path,
) -> None:
    line = LineQuality(7.0, 80.0, 150.0, 420.0)
    for bringer, told in ((Bringer.GATEWAY, [line]), (Bringer.CARRIER, [])):
        async with opened(tmp_path) as rig:
            far, call = await rig.called(bringer=bringer)
            far.say(messages.quality(STREAM, line))
            far.say(messages.key(STREAM, "1"))
            await until(lambda call=call: call.keys == ["1"])  # type: ignore[misc]  # bound now
            assert call.qualities == told


async def test_a_carriers_tones_are_keys_and_no_sound_and_our_gateways_sound_passes(
    tmp_path: Path,
) -> None:
    for bringer, keys in ((Bringer.CARRIER, ["4"]), (Bringer.GATEWAY, ["4"] * 2)):
        async with opened(tmp_path) as rig:
            far, call = await rig.called(bringer=bringer)
            frames: list[bytes] = []
            call.on_audio = frames.append  # type: ignore[method-assign,assignment]  # keeps what it hears
            sound = coded(carried(key_tone("4", 200.0), quiet(100.0)).tobytes())
            for at in range(0, len(sound), 160):
                far.say(messages.media(STREAM, sound[at : at + 160]))
            far.say(messages.key(STREAM, "4"))
            if bringer is Bringer.GATEWAY:  # it has merged them: two are two presses
                far.say(messages.key(STREAM, "4"))
            await until(lambda frames=frames: len(frames) >= 15)  # type: ignore[misc]  # bound now
            far.say(messages.key(STREAM, "9"))
            await until(lambda call=call: call.keys[-1:] == ["9"])  # type: ignore[misc]  # bound now
            assert call.keys == [*keys, "9"]
            heard = np.frombuffer(b"".join(frames), "<i2").astype(int)
            toned = np.count_nonzero(np.abs(heard) > 500) > 1_000
            assert toned == (bringer is Bringer.GATEWAY)


async def test_a_transfer_is_asked_of_our_gateway_and_its_outcome_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called("audio/x-mulaw", bringer=Bringer.GATEWAY)
        assert call.leg is not None
        assert call.leg.can_transfer
        call.leg.send(Transfer("front-desk"))
        await far.until(lambda: bool(far.of(AskedTransfer)))
        assert far.of(AskedTransfer) == [AskedTransfer("front-desk")]
        far.say(messages.transferred(STREAM, "no_answer", "front-desk"))
        await until(lambda: call.outcomes == [(TransferOutcome.NO_ANSWER, "front-desk")])


async def test_who_brings_a_call_is_told_by_the_token_and_not_by_its_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads: list[float] = []
    attach = Playout.attach

    def kept(self: Playout, sink: FrameSink, *, lead_ms: float, **others: Any) -> None:
        leads.append(lead_ms)
        attach(self, sink, lead_ms=lead_ms, **others)

    monkeypatch.setattr(Playout, "attach", kept)
    for bringer in Bringer:
        async with opened(tmp_path) as rig:
            await rig.called("audio/x-mulaw", bringer=bringer)
    assert leads == [media_stream.LEAD_MS[Bringer.GATEWAY], media_stream.LEAD_MS[Bringer.CARRIER]]
    assert leads[0] < leads[1]


async def test_captions_have_no_place_on_a_telephone(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        assert call.leg is not None
        call.leg.send(Caption("agent", 1, "Sam Example, born in 1980"))
        call.playout.push(0, tone(600, 0.1))
        await far.until(lambda: far.samples() >= 800)
        assert {type(message) for _, message in far.heard} <= {Audio, Mark}


async def test_a_token_is_good_once_and_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_stream, "CONNECT_LIMIT_MS", 50.0)
    async with opened(tmp_path) as rig:
        rig.expect("call-1", "w1.first")
        await rig.come("w1.first")
        with pytest.raises(HandshakeFailed) as again:
            await rig.come("w1.first")
        assert again.value.status == 401
        rig.expect("call-2", "w1.second")
        await until(lambda: rig.never == [("call-2", "not_connected")])
        with pytest.raises(HandshakeFailed):
            await rig.come("w1.second")


async def test_a_connection_that_does_not_start_its_call_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_stream, "START_LIMIT_MS", 50.0)
    async with opened(tmp_path) as rig:
        rig.expect()
        far = await rig.come()
        await far.until(lambda: bool(far.closed))
        assert far.closed == [(POLICY, "start_limit")]
        assert rig.never == [("call-1", "error")]


async def test_a_call_that_cannot_begin_is_closed_and_its_line_given_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:

        def begin(rate_hz: int) -> TaggedCall:
            raise RuntimeError

        rig.door.expect(
            "call-1",
            FIRST,
            Bringer.CARRIER,
            begin,
            lambda reason: rig.never.append(("c", reason)),
        )
        far = await rig.come()
        far.start()
        await far.until(lambda: bool(far.closed))
        assert far.closed == [(POLICY, "no_call")]
        assert rig.never == [("c", "error")]
        assert rig.door.calls == 0


async def test_a_second_start_and_a_flood_of_junk_end_the_call(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        far.start()
        await far.until(lambda: bool(far.closed))
        assert call.hung_up == ["error"]
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        for _ in range(media_stream.JUNK_LIMIT + 5):
            far.say('{"event":"nothing"}')
        await far.until(lambda: bool(far.closed))
        assert far.closed == [(POLICY, "junk")]


async def test_a_message_that_is_too_long_ends_the_connection(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        far.say(" " * (messages.MESSAGE_BYTES_MAX + 1))
        await until(lambda: bool(call.hung_up))


async def test_the_socket_is_this_users_alone_and_goes_with_the_door(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        found = await asyncio.to_thread(rig.path.stat)
        assert stat.S_IMODE(found.st_mode) == 0o600
    assert not await asyncio.to_thread(rig.path.exists)


async def test_a_long_path_is_reached_all_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 60)
    await asyncio.to_thread(deep.mkdir, parents=True)
    async with opened(deep) as rig:
        _, call = await rig.called()
        assert call.attached == 1


def request(rng: random.Random, token: str) -> bytes:
    """A handshake that is almost the right one."""
    good = (
        "GET / HTTP/1.1\r\nHost: worker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()
    first, last = good.index(token.encode()), good.index(token.encode()) + len(token)
    match rng.randrange(5):
        case 0:  # one letter of the token
            at = rng.randrange(first, last)
            return good[:at] + bytes([good[at] ^ (1 << rng.randrange(7))]) + good[at + 1 :]
        case 1:  # a part of it
            return good[:first] + good[first : rng.randrange(first, last)] + good[last:]
        case 2:  # more of it
            more = rng.choice((b"x", b" ", b"\t", b"\0", b", Bearer " + token.encode()))
            return good[:last] + more + b"x" + good[last:]
        case 3:  # elsewhere
            where = rng.choice((b"Basic", b"bearer", b"Token", b"", b"Bearer  "))
            return good.replace(b"Bearer ", where + b" ")
        case _:  # twice, or in the path
            if rng.random() < 0.5:
                twice = f"Authorization: Bearer {token}\r\n".encode()
                return good.replace(b"Host:", twice + b"Host:")
            return good.replace(b"GET /", b"GET /?token=" + token.encode()).replace(
                f"Authorization: Bearer {token}\r\n".encode(), b""
            )


async def answer(path: Path, data: bytes) -> bytes:
    end = await reach(path)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(end, data)
        end.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(60):
            return await loop.sock_recv(end, 4_096)
    except ConnectionError:
        return b""
    finally:
        end.close()


async def refuse_mutated(directory: Path, count: int) -> None:
    rng = random.Random(7)
    token = "w1." + rng.randbytes(18).hex()
    async with opened(directory) as rig:
        rig.expect("call-1", token)
        for number in range(count):
            if number % 500 == 499:  # announced again before it is given up
                rig.door.drop("call-1", "again")
                rig.expect("call-1", token)
            data = request(rng, token)
            said = await answer(rig.path, data)
            assert not said.startswith(b"HTTP/1.1 101"), data
        assert rig.calls == {}
        assert (await rig.come(token)).wire is not None  # the right one still is let in


async def test_300_mutated_handshakes_are_refused(tmp_path: Path) -> None:
    await refuse_mutated(tmp_path, 300)


@pytest.mark.long
async def test_10_000_mutated_handshakes_are_refused(tmp_path: Path) -> None:
    await refuse_mutated(tmp_path, 10_000)
