"""Messages as carriers and exchanges send them, written here; and what came back, read without the server's own reader."""

from __future__ import annotations

from dataclasses import dataclass, field

SDP = "\r\n".join(
    (
        "v=0",
        "o=root 1311022221 1311022221 IN IP4 172.18.165.214",
        "s=Media",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio 12692 RTP/SAVP 0 8 101",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:h77xBx3cFE4uhlQtSlBa4a8veOdxnbd6OBxy2bAy",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "",
    )
)
CALLER = "+12025550143"
CALLED = "+12025550199"
TARGET = f"sip:{CALLED}@voip.example.com;transport=tls"


@dataclass
class Peer:
    """One caller's side: keeps what its messages have in common."""

    call_id: str = "a84b4c76e66710"
    from_tag: str = "fromtag1"
    transport: str = "UDP"
    sent_by: str = "127.0.0.1:5060"
    via_params: str = ";rport"
    contact: str = f"<sip:{CALLER}@127.0.0.1:5060>"
    uri: str = TARGET
    cseq: int = 100
    to_tag: str = ""
    branches: int = 0
    invite_branch: str = ""
    record_routes: tuple[str, ...] = ()
    extra_vias: tuple[str, ...] = ()
    extra: tuple[str, ...] = field(default_factory=tuple)

    def branch(self) -> str:
        self.branches += 1
        return f"z9hG4bK{self.call_id}{self.branches}"

    def request(
        self,
        method: str,
        body: str = "",
        *,
        branch: str = "",
        cseq: int = 0,
        kind: str = "application/sdp",
        headers: tuple[str, ...] = (),
        to_tag: str | None = None,
    ) -> bytes:
        """A request; ACK and CANCEL take the number of the INVITE unless told otherwise."""
        if not cseq:
            self.cseq += 1
            cseq = self.cseq
        branch = branch or self.branch()
        if method == "INVITE":
            self.invite_branch, self.invite_cseq = branch, cseq
        tag = self.to_tag if to_tag is None else to_tag
        lines = [
            f"{method} {self.uri} SIP/2.0",
            *(f"Record-Route: {one}" for one in self.record_routes if method == "INVITE"),
            f"From: <sip:{CALLER}@carrier.example.com>;tag={self.from_tag}",
            f"To: <sip:{CALLED}@voip.example.com>" + (f";tag={tag}" if tag else ""),
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 60",
            f"Call-ID: {self.call_id}",
            f"Via: SIP/2.0/{self.transport} {self.sent_by};branch={branch}{self.via_params}",
            *(f"Via: {via}" for via in self.extra_vias),
            f"Contact: {self.contact}",
            *self.extra,
            *headers,
        ]
        if body:
            lines.append(f"Content-Type: {kind}")
        lines.append(f"Content-Length: {len(body.encode())}")
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def invite(self, body: str = SDP, **more: object) -> bytes:
        return self.request("INVITE", body, **more)  # type: ignore[arg-type]  # passed on as they are

    def ack(self, body: str = "", *, refused: bool = False) -> bytes:
        """Of the last INVITE: a refusal's has its branch, a 2xx's a new one."""
        branch = self.invite_branch if refused else ""
        return self.request("ACK", body, branch=branch, cseq=self.invite_cseq)

    def cancel(self) -> bytes:
        return self.request("CANCEL", branch=self.invite_branch, cseq=self.invite_cseq, to_tag="")


@dataclass(frozen=True)
class Said:
    """A message of the server, read with `split` alone."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1]) if self.line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        return "" if self.status else self.line.split(" ")[0]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, f"{name}: {len(values)} values"
        return values[0]

    @property
    def to_tag(self) -> str:
        return self.one("To").partition(";tag=")[2]


def said(data: bytes) -> Said:
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("utf-8").split("\r\n")
    pairs = [one.partition(":") for one in rest]
    message = Said(line, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)
    assert int(message.one("Content-Length")) == len(body)
    return message


def reply_to(request: Said, status: int, *extra: str, to_tag: str = "", body: str = "") -> bytes:
    """The other side's answer to a request of ours."""
    lines = [f"SIP/2.0 {status} Answer"]
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        for value in request.all(name):
            tag = f";tag={to_tag}" if name == "To" and to_tag else ""
            lines.append(f"{name}: {value}{tag}")
    lines += extra
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
