"""A library that is not the pinned one is refused at start-up and not noticed in a call."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import aioice
import pytest
from aiortc import RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from aiortc.rtcsctptransport import RTCSctpTransport
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from pipeline.errors import StartUpError
from pipeline.transports import webrtc
from pipeline.transports.ice import MAX_DATAGRAM_BYTES, LocalGatherer, LocalIce
from pipeline.transports.settings import MediaSettings
from pipeline.transports.webrtc import WebRtcDoor
from pipeline.transports.webrtc_secure import SSRCS_MAX, LocalDtls, assert_aiortc_fits


async def test_the_pinned_library_fits() -> None:
    assert_aiortc_fits()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (RTCSctpTransport, "_data_channel_flush"),
        (RTCSctpTransport, "_handle_data"),
        (RTCSctpTransport, "_t1_cancel"),
        (RTCDtlsTransport, "_set_role"),
        (aioice.Connection, "request_received"),
        (aioice.Connection, "data_received"),
        (aioice.Connection, "gather_candidates"),
    ],
)
async def test_a_method_that_is_gone_is_named(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(owner, name)
    with pytest.raises(StartUpError, match=rf"{name}.*make setup"):
        assert_aiortc_fits()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (aioice.Connection, "_check_list"),
        (aioice.Connection, "_queue"),
        (aioice.Connection, "_remote_candidates"),
        (RTCDtlsTransport, "_tx_srtp"),
        (RTCDtlsTransport, "_rtp_router"),
        (RTCSctpTransport, "_sent_queue"),
        (RTCSctpTransport, "_data_channel_queue"),
    ],
)
async def test_a_field_that_was_renamed_is_named(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = owner.__init__  # type: ignore[misc]  # the library's own constructor

    def renamed(self: Any, *args: Any, **options: Any) -> None:
        build(self, *args, **options)
        vars(self)[f"{name}_new"] = vars(self).pop(name)

    monkeypatch.setattr(owner, "__init__", renamed)
    with pytest.raises(StartUpError, match=rf"{name}\b.*make setup"):
        assert_aiortc_fits()


async def test_a_method_with_other_parameters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(self: Any, message: Any, addr: Any, protocol: Any, raw_data: bytes) -> None:
        """As aioice had it before 0.11: every check would have been a TypeError."""

    monkeypatch.setattr(aioice.Connection, "request_received", older)
    with pytest.raises(StartUpError, match=r"request_received\(message, addr, protocol\)"):
        assert_aiortc_fits()


async def test_a_constructor_that_changed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(self: Any, servers: list[str]) -> None:
        """Without the keyword that we pass."""

    monkeypatch.setattr(RTCIceGatherer, "__init__", other)
    with pytest.raises(StartUpError, match="make setup"):
        assert_aiortc_fits()


async def test_a_door_does_not_open_on_a_changed_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCSctpTransport, "_data_channel_flush")
    with pytest.raises(StartUpError):
        async with WebRtcDoor(MediaSettings()):
            pass


async def test_a_coder_without_the_way_past_its_filters_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone() -> None:
        raise AttributeError("_send_frame_and_recv")

    monkeypatch.setattr(webrtc, "noise_packets", gone)
    with pytest.raises(StartUpError, match="make setup"):
        await WebRtcDoor(MediaSettings()).__aenter__()


def test_no_datagram_that_is_read_is_too_long_for_the_cipher() -> None:
    """Symptom: whoever sent 1,501 bytes in a caller's name ended the connection: aiortc expects no such error."""
    policy = Policy(key=bytes(30), ssrc_type=Policy.SSRC_ANY_INBOUND)
    longest = b"\x80\xc8" + bytes(MAX_DATAGRAM_BYTES - 2)
    with pytest.raises(SrtpError):
        Session(policy).unprotect_rtcp(longest)
    with pytest.raises(ValueError, match="too long"):
        Session(policy).unprotect_rtcp(longest + b"\x00")


async def test_a_caller_has_a_few_streams_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = LocalIce(addresses=[], ports=(0, 0), networks=())
    dtls = LocalDtls(agent, RTCIceTransport(LocalGatherer(agent)))
    decrypted = list[bytes]()

    def unprotect(data: bytes) -> bytes:
        decrypted.append(data)
        return data

    monkeypatch.setattr(dtls, "_rx_srtp", SimpleNamespace(unprotect=unprotect), raising=False)
    for turn in range(2):
        for ssrc in range(50):
            dtls._take(struct.pack("!BBHII", 0x80, 111, turn, 0, ssrc) + b"sound")
    assert [data[8:12] for data in decrypted] == [
        ssrc.to_bytes(4, "big") for ssrc in range(SSRCS_MAX)
    ] * 2
