"""Writes Kamailio's files from a plan. Text in, text out: nothing is read, started or looked up.

What it writes keeps numbers out of its log: Kamailio's own error lines quote the message they are
about, so only lines above them are let through, and the script's own lines hold counts and causes.
"""

from __future__ import annotations

from pipeline.edge.plan import CALL_LIMIT_S, EdgeGateway, EdgePlan, bracketed
from pipeline.edge.rtpengine import INNER, OUTER

GATEWAYS = 1
"""Their group of `address.list`; each trunk has one above `TRUNKS`, in the order of the settings."""
TRUNKS = 10
MESSAGE_BYTES_MAX = 16_384
SDP_LINES_MAX = 250
"""What a carrier's description has, ten times over."""
PING_S = 5
"""A gateway that does not answer is left after two of these."""
ANSWER_LIMIT_MS = 2_000
"""A gateway says 100 or 180 within milliseconds; one that has not by now is asked no longer and the next one is."""
RING_LIMIT_MS = 130_000
"""Above the longest that a gateway lets a call ring (`sip.ring_limit_ms`): its 503 sends the call to another one."""
WITHIN_LIMIT_MS = 30_000
"""Within a call there is nobody else to ask: who is slow, or must first be connected to, is waited for almost as long as a
gateway waits itself (32 s, `sip.transactions.PATIENCE_MS`). An early 408 to a REFER or a refresh would end the call; to a BYE
it ends nothing that is not over."""
ALIVE_EVERY_S = 30
"""How often a gateway is asked whether it still has a call; the least that Kamailio takes."""
RETRY_AFTER_S = 30
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Debian's package ca-certificates."""
TO_GATEWAYS, TO_CARRIERS = "gateways", "carriers"
"""Whose certificate a new connection's is judged as: said before each request, as Kamailio forgets it with each connection."""
RELAYED = "replace-origin replace-session-connection ICE=remove strict-source"
"""What rtpengine is told of every offer and answer: both ends see the edge alone."""


def kamailio_files(plan: EdgePlan, directory: str) -> dict[str, str]:
    """Each file's name and text; `directory` is where they will lie on the edge."""
    return {
        "kamailio.cfg": _script(plan, directory),
        "tls.cfg": _tls(plan),
        "dispatcher.list": _dispatcher(plan),
        "address.list": _addresses(plan),
    }


def _dispatcher(plan: EdgePlan) -> str:
    socket = f"socket=tls:{bracketed(plan.inner)}:{plan.inner_port}"
    lines = [f"1 {gateway.uri} 8 0 {socket}" for gateway in plan.gateways]
    head = "# set, gateway, flags (8: asked before it is used), priority, what it is reached from"
    return head + "\n" + "\n".join(lines) + "\n"


def _addresses(plan: EdgePlan) -> str:
    lines = ["# group, network"]
    for group, trunk in enumerate(plan.trunks, TRUNKS):
        lines.extend(_address(group, network) for network in trunk.signalling)
    lines.extend(
        _address(GATEWAYS, address) for address in dict.fromkeys(g.address for g in plan.gateways)
    )
    return "\n".join(lines) + "\n"


def _address(group: int, network: str) -> str:
    address, _, prefix = network.partition("/")
    return f"{group} {address} {prefix or (128 if ':' in address else 32)}"


def _tls(plan: EdgePlan) -> str:
    """Who must show what: a carrier one of its authorities, a gateway ours. Kamailio 5.6 checks chains, no names."""
    own = f"method = TLSv1.2+\ncertificate = {plan.cert}\nprivate_key = {plan.key}\n"
    ours = f"verify_certificate = yes\nca_list = {plan.gateway_ca}\n"
    theirs = f"verify_certificate = yes\nca_list = {plan.carrier_ca or SYSTEM_AUTHORITIES}\n"
    unread = "verify_certificate = no\n"
    return f"""[server:default]
{own}{unread}require_certificate = no

[client:default]
server_id = {TO_CARRIERS}
{own}{theirs}
[client:{bracketed(plan.inner)}:{plan.inner_port}]
server_id = {TO_GATEWAYS}
{own}{ours if plan.gateway_ca else unread}"""


def _listen(plan: EdgePlan) -> str:
    advertise = f" advertise {bracketed(plan.advertised)}:{plan.tls_port}"
    outer = f"listen=tls:{bracketed(plan.bind)}:{plan.tls_port}"
    if plan.advertised != plan.bind:
        outer += advertise
    return f"{outer}\nlisten=tls:{bracketed(plan.inner)}:{plan.inner_port}"


def _who(plan: EdgePlan) -> str:
    """Whose a request is, and from where that trunk's sound may come."""
    cases = "".join(
        f"""  if (allow_source_address("{group}")) {{
    $avp(from) = {group};
    $avp(sound) = "{",".join(trunk.media)}";
    return;
  }}
"""
        for group, trunk in enumerate(plan.trunks, TRUNKS)
    )
    return f"""route[WHO] {{
  if (allow_source_address("{GATEWAYS}")) {{ $avp(from) = {GATEWAYS}; return; }}
{cases}  exit;
}}"""


def _back(plan: EdgePlan) -> str:
    """Which trunk a gateway's request within a call goes to: the one that stands in our own Record-Route."""
    cases = "".join(
        f"""    if (check_route_param(";trunk={group}(;|$)")) {{
      $avp(to) = {group};
      $avp(sound) = "{",".join(trunk.media)}";
    }}
"""
        for group, trunk in enumerate(plan.trunks, TRUNKS)
    )
    return f"""  if ($avp(from) == {GATEWAYS}) {{
    $avp(to) = 0;
{cases}  }} else {{
    $avp(to) = {GATEWAYS};
  }}"""


def _out(plan: EdgePlan) -> str:
    """What becomes of a call that a gateway begins: to a trunk that may be called, by its own networks, or nowhere."""
    called = [(group, t) for group, t in enumerate(plan.trunks, TRUNKS) if t.called]
    if not called:
        return """route[OUT] {
  sl_send_reply("403", "Not This Way");
  exit;
}"""
    cases = "".join(
        f"""  if ($avp(to) == 0 && allow_address("{group}", "$var(host)", "$var(port)")) {{
    $avp(to) = {group};
    $avp(sound) = "{",".join(trunk.media)}";
  }}
"""
        for group, trunk in called
    )
    return f"""route[OUT] {{
  loose_route();
  $avp(to) = 0;
  route(LOOK);
  $var(port) = 0;
{cases}  if ($avp(to) == 0) {{ route(NOWHERE); }}
  $var(port) = $(nh(u){{uri.port}});
  if ($var(port) == 0) {{ $var(port) = 5061; }}
  $du = "sip:" + $var(host) + ":" + $var(port) + ";transport=tls";
  $fs = "tls:{bracketed(plan.bind)}:{plan.tls_port}";
  if (!t_newtran()) {{ exit; }}
  record_route(";trunk=$avp(to)");
  dlg_manage();
  dlg_set_property("ka-src");
  if (has_body("application/sdp") && !rtpengine_offer("{RELAYED} direction={INNER} direction={OUTER}")) {{
    xlog("L_CRIT", "edge: rtpengine does not answer; a call is refused\\n");
    route(REFUSED);
  }}
  tls_set_connect_server_id("{TO_CARRIERS}");
  t_set_fr("{RING_LIMIT_MS}", "{WITHIN_LIMIT_MS}");
  t_on_reply("ANSWERED");
  t_on_failure("NOT_REACHED");
  if (!t_relay()) {{ route(REFUSED); }}
  exit;
}}

failure_route[NOT_REACHED] {{
  rtpengine_delete();
}}"""


def _is_gateway(variable: str, gateways: tuple[EdgeGateway, ...]) -> str:
    addresses = dict.fromkeys(bracketed(gateway.address) for gateway in gateways)
    addresses |= dict.fromkeys(gateway.address for gateway in gateways)
    return " || ".join(f'{variable} == "{address}"' for address in addresses)


def _script(plan: EdgePlan, directory: str) -> str:
    return f"""#!KAMAILIO
# Written by `wardline edge-config`. Change the server's TOML and write it again.

# Error lines of the core quote the message they are about, numbers and all: only critical ones are written.
debug=-2
log_stderror=yes
memdbg=5
memlog=5
children=4
tcp_children=4
auto_aliases=no
enable_tls=yes
tcp_connection_lifetime=3605
tcp_max_connections=2048
tls_max_connections=2048
tcp_connect_timeout=3
tcp_send_timeout=3
tcp_crlf_ping=yes
server_header="Server: edge"
user_agent_header="User-Agent: edge"
server_signature=no
max_while_loops={SDP_LINES_MAX + 1}
{_listen(plan)}

loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "ipops.so"
loadmodule "xlog.so"
loadmodule "sanity.so"
loadmodule "pike.so"
loadmodule "permissions.so"
loadmodule "dispatcher.so"
loadmodule "dialog.so"
loadmodule "rtpengine.so"

modparam("tls", "config", "{directory}/tls.cfg")
modparam("tls", "renegotiation", 0)
modparam("rr", "enable_double_rr", 1)
modparam("rr", "enable_full_lr", 1)
modparam("tm", "fr_timer", {ANSWER_LIMIT_MS})
modparam("tm", "fr_inv_timer", {RING_LIMIT_MS})
modparam("tm", "failure_reply_mode", 3)
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{plan.control_port}")
modparam("rtpengine", "rtpengine_tout_ms", 500)
modparam("rtpengine", "rtpengine_disable_tout", {PING_S})
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "list_file", "{directory}/dispatcher.list")
modparam("dispatcher", "ds_ping_interval", {PING_S})
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 2)
modparam("dispatcher", "ds_inactive_threshold", 1)
modparam("dispatcher", "ds_ping_from", "sip:edge@edge.invalid")
modparam("dispatcher", "ds_ping_reply_codes", "class=2")
modparam("dispatcher", "xavp_dst", "_dsdst_")
modparam("dispatcher", "xavp_ctx", "_dsctx_")
# A gateway that died says no BYE: one that does not know a call any more, or does not answer, has both its sides ended.
modparam("dialog", "ka_timer", {PING_S})
modparam("dialog", "ka_interval", {ALIVE_EVERY_S})
modparam("dialog", "send_bye", 1)
modparam("dialog", "default_timeout", {CALL_LIMIT_S})
modparam("permissions", "address_file", "{directory}/address.list")
modparam("pike", "sampling_time_unit", 1)
modparam("pike", "reqs_density_per_unit", {plan.requests_per_second})
modparam("pike", "remove_latency", 4)

request_route {{
  if (msg:len > {MESSAGE_BYTES_MAX}) {{ exit; }}
  # A stranger gets no answer, not even a refusal: there is nothing here.
  route(WHO);
  if ($avp(from) != {GATEWAYS} && !pike_check_req()) {{
    if ($rc == -2) {{ xlog("L_CRIT", "edge: more requests than calls need; the rest is dropped\\n"); }}  # once a flood
    exit;
  }}
  if (!sanity_check("17895", "7")) {{ exit; }}
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("CANCEL")) {{
    if (t_check_trans()) {{ rtpengine_delete(); t_relay(); }}
    exit;
  }}
  if (has_totag()) {{ route(WITHIN); exit; }}
  if (is_method("ACK")) {{ exit; }}
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if (!is_method("INVITE")) {{
    append_to_reply("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\\r\\n");
    sl_send_reply("405", "Method Not Allowed");
    exit;
  }}
  # Gateways answer calls; they begin one to lead a caller to a person, where a trunk does not do that itself.
  if ($avp(from) == {GATEWAYS}) {{ route(OUT); }}
  if (!t_newtran()) {{ exit; }}
  route(SOUND);
  record_route(";trunk=$avp(from)");
  dlg_manage();
  dlg_set_property("ka-dst");
  if (!ds_select_dst("1", "4")) {{
    xlog("L_CRIT", "edge: no gateway answers; a call is refused\\n");
    route(REFUSED);
  }}
  # Without the media's relay a call would be up and silent: the carrier tries elsewhere instead.
  if (has_body("application/sdp") && !rtpengine_offer("{RELAYED} direction={OUTER} direction={INNER}")) {{
    xlog("L_CRIT", "edge: rtpengine does not answer; a call is refused\\n");
    route(REFUSED);
  }}
  route(RELAY);
}}

# Whose the request is; a stranger's goes no further.
{_who(plan)}

# A description names addresses of its own trunk's media and no others, or the call is refused: rtpengine takes sound
# from there alone. 0.0.0.0 is an old way to hold.
route[SOUND] {{
  if ($avp(from) == {GATEWAYS} || !has_body("application/sdp")) {{ return; }}
  route(ADDRESSES);
  if ($avp(foreign) == 1) {{
    xlog("L_CRIT", "edge: sound from outside the trunk's media networks; refused\\n");
    if (!is_method("ACK")) {{ send_reply("488", "Not Acceptable Here"); }}
    exit;
  }}
}}

route[ADDRESSES] {{
  $avp(foreign) = 0;
  $var(line) = 0;
  if ($(rb{{line.count}}) > {SDP_LINES_MAX}) {{ $avp(foreign) = 1; return; }}
  while ($var(line) < $(rb{{line.count}})) {{
    $var(text) = $(rb{{line.at,$var(line)}});
    $var(host) = "0.0.0.0";
    if ($var(text) =~ "^c=") {{ $var(host) = $(var(text){{s.select,2, }}{{s.rtrim}}); }}
    if ($var(text) =~ "^a=rtcp:[0-9]+[ \\t]") {{ $var(host) = $(var(text){{s.select,3, }}{{s.rtrim}}); }}
    if ($var(host) != "0.0.0.0" && !(is_ip("$var(host)") && is_in_subnet("$var(host)", "$avp(sound)"))) {{
      $avp(foreign) = 1;
    }}
    $var(line) = $var(line) + 1;
  }}
}}

# Within a call: from a carrier to a gateway, from a gateway to the trunk that the call came by, and nowhere else.
route[WITHIN] {{
  if (!loose_route()) {{
    if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    sl_send_reply("404", "Not Here");
    exit;
  }}
{_back(plan)}
  # A gateway's ACK of a refusal has the Route of its INVITE, without a trunk, and goes no further than this.
  if (is_method("ACK") && $avp(to) == 0) {{ t_check_trans(); exit; }}
  route(HOP);
  route(SOUND);
  if (is_method("BYE")) {{ rtpengine_delete(); }}
  if (is_method("INVITE|UPDATE|ACK") && has_body("application/sdp")) {{
    if ($avp(from) == {GATEWAYS}) {{
      rtpengine_manage("{RELAYED} direction={INNER} direction={OUTER}");
    }} else {{
      rtpengine_manage("{RELAYED} direction={OUTER} direction={INNER}");
    }}
  }}
  if (is_method("INVITE|UPDATE")) {{ t_on_reply("ANSWERED"); }}
  if (!is_method("BYE")) {{ t_set_fr("0", "{WITHIN_LIMIT_MS}"); }}
  t_relay();
  exit;
}}

# A call of a gateway's own.
{_out(plan)}

# The next hop's address is $var(host); what is looked up is what is used.
route[LOOK] {{
  $var(host) = $nh(d);
  if (!is_ip("$var(host)")) {{
    if (!dns_query("$var(host)", "hop")) {{ route(NOWHERE); }}
    $var(host) = $dns(hop=>addr[0]);
    $var(port) = $(nh(u){{uri.port}});
    if ($var(port) == 0) {{ $var(port) = 5061; }}
    if ($dns(hop=>ipv6) == 1) {{ $var(host) = "[" + $dns(hop=>addr[0]) + "]"; }}
    $du = "sip:" + $var(host) + ":" + $var(port) + ";transport=tls";
  }}
}}

# The next hop is one of those that $avp(to) names.
route[HOP] {{
  route(LOOK);
  $var(port) = 0;
  if (!allow_address("$avp(to)", "$var(host)", "$var(port)")) {{ route(NOWHERE); }}
  if ($avp(to) == {GATEWAYS}) {{
    tls_set_connect_server_id("{TO_GATEWAYS}");
  }} else {{
    tls_set_connect_server_id("{TO_CARRIERS}");
  }}
}}

# The edge's own questions to gateways, and the BYEs of a call that nobody knows any more.
event_route[tm:local-request] {{
  if ({_is_gateway("$nh(d)", plan.gateways)}) {{
    tls_set_connect_server_id("{TO_GATEWAYS}");
  }} else {{
    tls_set_connect_server_id("{TO_CARRIERS}");
  }}
}}

route[NOWHERE] {{
  xlog("L_CRIT", "edge: a request to an address that is none of its call's; refused\\n");
  if (!is_method("ACK")) {{ sl_send_reply("403", "Not This Way"); }}
  exit;
}}

# To the gateway that was chosen, or to the next when it cannot even be sent to.
route[RELAY] {{
  tls_set_connect_server_id("{TO_GATEWAYS}");
  t_on_reply("ANSWERED");
  t_on_failure("NEXT_GATEWAY");
  if (!t_relay()) {{
    ds_mark_dst("p");
    route(ANOTHER);
  }}
  exit;
}}

# The one who was chosen cannot take the call: another is asked before the caller hears of it.
route[ANOTHER] {{
  if (!ds_next_dst()) {{ route(REFUSED); }}
  route(RELAY);
}}

route[REFUSED] {{
  rtpengine_delete();
  append_to_reply("Retry-After: {RETRY_AFTER_S}\\r\\n");
  t_reply("503", "Service Unavailable");
  exit;
}}

# Answers to nothing that went through here are no messages of a call; a gateway says its 200 again until the ACK.
onreply_route {{
  if (!t_check_trans() && !({_is_gateway("$si", plan.gateways)})) {{ drop; }}
}}

onreply_route[ANSWERED] {{
  if (!has_body("application/sdp")) {{ return; }}
  if ($avp(from) == {GATEWAYS}) {{
    route(ADDRESSES);
    if ($avp(foreign) == 1) {{
      xlog("L_CRIT", "edge: sound from outside the trunk's media networks; the call is silent\\n");
      rtpengine_delete();
      return;
    }}
  }}
  rtpengine_manage("{RELAYED}");
}}

failure_route[NEXT_GATEWAY] {{
  if (t_is_canceled()) {{ rtpengine_delete(); exit; }}
  if (t_check_status("503") || (t_branch_timeout() && !t_branch_replied()) || t_check_status("477")) {{
    if (t_branch_timeout()) {{ ds_mark_dst("p"); }}
    route(ANOTHER);
  }}
  rtpengine_delete();
}}
"""
