"""The shapes of RFC 4475's torture messages, written after their descriptions, and what a called end does with each.

`answers` holds the statuses that may come back; empty: nothing does. `docs/sip-torture.md` is written from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

SDP = (
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\n"
    "t=0 0\r\nm=audio 49217 RTP/AVP 0 12\r\na=rtpmap:31 LPC\r\n"
)
VIA = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{0}"
MANY_BRANCH = "z9hG4bK" + "longbranch" * 12


@dataclass(frozen=True)
class Torture:
    """One message."""

    name: str
    section: str
    what: str
    answers: tuple[int, ...]
    data: bytes
    why: str = ""
    """Where the RFC leaves a choice: what ours rests on."""


def _message(line: str, *headers: str, body: str | bytes = "", length: str | None = None) -> bytes:
    raw = body if isinstance(body, bytes) else body.encode()
    lines = [line, *headers]
    if length != "none":
        lines.append(f"Content-Length: {len(raw) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def _plain(name: str, method: str = "OPTIONS", **change: str) -> list[str]:
    """The usual headers; a change replaces one, "-" takes it away."""
    headers = {
        "to": "To: sip:user@example.com",
        "from": f"From: <sip:caller@example.net>;tag=t{name}",
        "max": "Max-Forwards: 70",
        "call_id": f"Call-ID: {name}.0ha0isndaksdj@192.0.2.2",
        "cseq": f"CSeq: 8 {method}",
        "via": VIA.format(name),
        "contact": "Contact: <sip:caller@host5.example.net>",
    } | change
    return [value for value in headers.values() if value != "-"]


def _options(name: str, *more: str, uri: str = "sip:user@example.com", **change: str) -> bytes:
    return _message(f"OPTIONS {uri} SIP/2.0", *_plain(name, **change), *more)


def _invite(name: str, *more: str, uri: str = "sip:user@example.com", **change: str) -> bytes:
    return _message(
        f"INVITE {uri} SIP/2.0",
        *_plain(name, "INVITE", **change),
        *more,
        "Content-Type: application/sdp",
        body=SDP,
    )


def _register(name: str, *more: str, **change: str) -> bytes:
    return _message("REGISTER sip:example.com SIP/2.0", *_plain(name, "REGISTER", **change), *more)


def _response(line: str, name: str, **change: str) -> bytes:
    return _message(line, *_plain(name, "INVITE", contact="-", max="-", **change))


def _wsinv(tag: str) -> bytes:
    head = (
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
        f"TO :\r\n sip:vivekg@chair-dnrc.example.com{tag}\r\n"
        'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
        "MaX-fOrWaRdS: 0068\r\n"
        "Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
        "Content-Length   : %d\r\n"
        "cseq: 0009\r\n  INVITE\r\n"
        "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
        "s :\r\n"
        "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
        "Content-Type: application/sdp\r\n"
        "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
        "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
        " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
        "  secondparam ; q = 0.33\r\n\r\n"
    )
    return (head % len(SDP) + SDP).encode()


LONG = "a_really_long_value_that_goes_on_and_on" * 6

VALID = (
    Torture("wsinv", "3.1.1.1", "INVITE with folded lines and spaces everywhere, in a dialog nobody knows",
            (481,), _wsinv(" ;   tag    = 1918181833n")),
    Torture("wsinv without its To tag", "3.1.1.1", "the same as a new call", (180,), _wsinv("")),
    Torture("intmeth", "3.1.1.2", "a method, names and quoted characters of the widest range", (405,),
            _message("!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
                     ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
                     "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
                     'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
                     "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%="
                     '"\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439";tag=_token~1\'+`*%!-.',
                     "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{", "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~",
                     "Max-Forwards: 255", "extensionHeader-!.%*+_`'~: \ufeff\u5927\u505c\u96fb"),
            "405, not 501: we say what we allow"),
    Torture("esc01", "3.1.1.3", "escaped characters in the user of the Request-URI", (180,),
            _invite("esc01", uri="sip:sips%3Auser%40example.com@example.net")),
    Torture("escnull", "3.1.1.4", "escaped nulls in URIs of a REGISTER", (405,),
            _register("escnull", contact="Contact: <sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>"),
            "no registrar"),
    Torture("esc02", "3.1.1.5", "a method that is no escaped REGISTER", (405,),
            _message("RE%47IST%45R sip:registrar.example.com SIP/2.0", *_plain("esc02", "RE%47IST%45R"))),
    Torture("lwsdisp", "3.1.1.6", "no space between a display name and its address", (200,),
            _options("lwsdisp", **{"from": "From: caller<sip:caller@example.com>;tag=323"})),
    Torture("longreq", "3.1.1.7", "long values in every header", (180,),
            _invite("longreq", f"F-{LONG}: {LONG}", *(f"v: SIP/2.0/UDP sip{n}.example.com" for n in range(33, 0, -1)),
                    to=f'To: "I have a user name of {"extreme " * 20}proportion"<sip:user@example.com:6000;u1={LONG};{LONG}=v>',
                    call_id="Call-ID: longreq.one" + "really" * 40 + "longcallid",
                    via=f"Via: SIP/2.0/TCP sip33.example.com;branch={MANY_BRANCH}",
                    **{"from": "From: sip:amazinglylongcallername@example.net;tag=" + "12982" * 50 + "424;p=" + LONG})),
    Torture("dblreq", "3.1.1.8", "a REGISTER with an INVITE behind it in one datagram", (405,),
            _register("dblreq") + _invite("dblreq2"), "what follows the first message is dropped"),
    Torture("semiuri", "3.1.1.9", "semicolons in the user of the Request-URI", (200,),
            _options("semiuri", uri="sip:user;par=u%40example.net@example.com")),
    Torture("transports", "3.1.1.10", "Vias of five transports, one unknown", (200,),
            _options("transports", "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKasd", "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2",
                     "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bK3", "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK4")),
    Torture("mpart01", "3.1.1.11", "a MESSAGE with a signed body in parts", (405,),
            _message("MESSAGE sip:kumiko@example.org SIP/2.0", *_plain("mpart01", "MESSAGE"),
                     "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655", body=b"--7a9cbec02ceef655\r\n\x30\x82\x01\x52\x06\x00\xff\r\n--7a9cbec02ceef655--")),
    Torture("unreason", "3.1.1.12", "a response with a phrase in Russian that answers nothing of ours", (),
            _response("SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e", "unreason")),
    Torture("noreason", "3.1.1.13", "a response with an empty phrase", (), _response("SIP/2.0 100 ", "noreason")),
)  # fmt: skip

INVALID = (
    Torture("badinv01", "3.1.2.1", "semicolons and commas with nothing between them", (400,),
            _invite("badinv01", via="Via: SIP/2.0/UDP 192.0.2.15;;,;,,", contact='Contact: "Joe" <sip:joe@example.org>;;;;')),
    Torture("clerr", "3.1.2.2", "a length greater than the datagram", (400,),
            _message("INVITE sip:user@example.com SIP/2.0", *_plain("clerr", "INVITE"), "Content-Type: application/sdp", body=SDP, length="9999")),
    Torture("ncl", "3.1.2.3", "a negative length", (400,),
            _message("INVITE sip:user@example.com SIP/2.0", *_plain("ncl", "INVITE"), "Content-Type: application/sdp", body=SDP, length="-999")),
    Torture("scalar02", "3.1.2.4", "numbers greater than their headers allow", (400,),
            _register("scalar02", "Expires: 10000000000000000000000", cseq="CSeq: 36893488147419103232 REGISTER", max="Max-Forwards: 300")),
    Torture("scalarlg", "3.1.2.5", "the same in a response", (),
            _response("SIP/2.0 503 Service Unavailable", "scalarlg", cseq="CSeq: 9292394834772304023312 OPTIONS")),
    Torture("quotbal", "3.1.2.6", "a quote that does not end", (400,),
            _invite("quotbal", to='To: "Mr. J. User <sip:j.user@example.com>')),
    Torture("ltgtruri", "3.1.2.7", "brackets around the Request-URI", (400,), _invite("ltgtruri", uri="<sip:user@example.com>")),
    Torture("lwsruri", "3.1.2.8", "a space within the Request-URI", (400,), _invite("lwsruri", uri="sip:user@example.com; lr")),
    Torture("lwsstart", "3.1.2.9", "two spaces in the request line", (400,), _invite("lwsstart", uri=" sip:user@example.com ")),
    Torture("trws", "3.1.2.10", "spaces after the request line", (400,),
            _message("OPTIONS sip:remote-target@example.com SIP/2.0  ", *_plain("trws"))),
    Torture("escruri", "3.1.2.11", "headers in the Request-URI", (400,), _invite("escruri", uri="sip:user@example.com?Route=%3Csip:example.com%3E")),
    Torture("baddate", "3.1.2.12", "a date in a time zone other than GMT", (180,), _invite("baddate", "Date: Fri, 01 Jan 2010 16:00:00 EST"),
            "Date is not read, so it is as if it were missing"),
    Torture("regbadct", "3.1.2.13", "a Contact whose headers are not in brackets", (405,),
            _register("regbadct", contact="Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"), "no registrar"),
    Torture("badaspec", "3.1.2.14", "spaces within an address", (400,), _options("badaspec", to='To: "Watson, Thomas" < sip:t.watson@example.org >')),
    Torture("baddn", "3.1.2.15", "a display name that must be quoted and is not", (200,),
            _options("baddn", **{"from": "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"}), "its meaning is plain; being liberal is allowed"),
    Torture("badvers", "3.1.2.16", "SIP/7.0", (505,), _message("OPTIONS sip:t.watson@example.org SIP/7.0", *_plain("badvers"))),
    Torture("mismatch01", "3.1.2.17", "CSeq names another method", (400,), _options("mismatch01", cseq="CSeq: 8 INVITE")),
    Torture("mismatch02", "3.1.2.18", "an unknown method, and CSeq names another", (400,),
            _message("NEWMETHOD sip:user@example.com SIP/2.0", *_plain("mismatch02", "INVITE"))),
    Torture("bigcode", "3.1.2.19", "a response with the status 4294967301", (), _response("SIP/2.0 4294967301 better not break the receiver", "bigcode")),
)  # fmt: skip

MEANING = (
    Torture("badbranch", "3.2.1", "a branch that is the magic cookie and nothing else", (200,), _options("badbranch", via="Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"),
            "matched as requests without a branch are"),
    Torture("insuf", "3.3.1", "an INVITE without Call-ID, From and To", (), _invite("insuf", to="-", call_id="-", **{"from": "-"}), "nothing to answer with"),
    Torture("unkscm", "3.3.2", "a Request-URI of an unknown scheme", (416,), _options("unkscm", uri="nobodyKnowsThisScheme:totallyopaquecontent")),
    Torture("novelsc", "3.3.3", "a Request-URI of a scheme that exists", (416,), _options("novelsc", uri="soap.beep://192.0.2.103:3002")),
    Torture("unksm2", "3.3.4", "unknown schemes in To and From of a REGISTER", (405,), _register("unksm2", to="To: isbn:2983792873"), "no registrar"),
    Torture("bext01", "3.3.5", "extensions nobody supports, in Require and Proxy-Require", (420,),
            _options("bext01", "Require: nothingSupportsThis, nothingSupportsThisEither", "Proxy-Require: noProxiesSupportThis")),
    Torture("invut", "3.3.6", "a body of an unknown kind", (415,),
            _message("INVITE sip:user@example.com SIP/2.0", *_plain("invut", "INVITE"), "Content-Type: application/unknownformat", body="<audio><pcmu port=\"443\"/></audio>")),
    Torture("regaut01", "3.3.7", "credentials of an unknown scheme on a REGISTER", (405,), _register("regaut01", "Authorization: NoOneKnowsThisScheme opaque-data=here"), "no registrar"),
    Torture("multi01", "3.3.8", "CSeq, Call-ID, From, To and Max-Forwards twice, each time otherwise", (400,),
            _invite("multi01", "CSeq: 59 INVITE", "Call-ID: multi01.98asdh@192.0.2.2", "From: sip:other@example.com;tag=3413415", "To: sip:user2@example.com", "Max-Forwards: 5")),
    Torture("mcl01", "3.3.9", "two lengths", (400,), _options("mcl01", "Content-Length: 5")),
    Torture("bcast", "3.3.10", "a response whose second Via is a broadcast address", (),
            _response("SIP/2.0 200 OK", "bcast", via="Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23")),
    Torture("zeromf", "3.3.11", "Max-Forwards 0", (200,), _options("zeromf", max="Max-Forwards: 0"), "it has arrived, so nothing is forwarded"),
    Torture("cparam01", "3.3.12", "a REGISTER with an unknown parameter in Contact", (405,), _register("cparam01", contact="Contact: sip:+19725552222@gw1.example.net;unknownparam"), "no registrar"),
    Torture("cparam02", "3.3.13", "the same within brackets", (405,), _register("cparam02", contact="Contact: <sip:+19725552222@gw1.example.net;unknownparam>"), "no registrar"),
    Torture("regescrt", "3.3.14", "a REGISTER with a route in Contact", (405,), _register("regescrt", contact="Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"), "no registrar"),
    Torture("sdp01", "3.3.15", "an Accept that leaves nothing for an answer", (406,), _invite("sdp01", "Accept: text/nobodyKnowsThis")),
    Torture("inv2543", "3.4.1", "an INVITE of RFC 2543: no branch, no tag in From", (180,),
            _invite("inv2543", "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>", via="Via: SIP/2.0/UDP iftgw.example.com", max="-",
                    **{"from": "From: <sip:+13035551111@ift.client.example.net;user=phone>"})),
)  # fmt: skip

ALL = (*VALID, *INVALID, *MEANING)
