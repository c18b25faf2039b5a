"""The browser's door for calls that are there before their caller: a test looks at both."""

from __future__ import annotations

from pipeline.line import CallPort
from pipeline.transports.sdp import read_offer
from pipeline.transports.webrtc import WebRtcDoor


class ReadyDoor(WebRtcDoor):
    """Takes a call with its first offer, and again with each further one."""

    async def offer(self, sdp: str, call: CallPort) -> str:
        """A caller whose connection never stands is one who hung up."""
        offer = read_offer(sdp)
        if call.call_id in self._lines:
            return await self.answer_again(offer, call.call_id)
        return await self.answer(offer, call.call_id, lambda: call, call.hang_up)
