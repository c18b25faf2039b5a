"""Writes Kamailio's files from a plan. Text in, text out: nothing is read, started or looked up.

What it writes keeps numbers out of its log: Kamailio's own error lines quote the message they are
about, so only lines above them are let through, and the script's own lines hold counts and causes.
"""

from __future__ import annotations

from pipeline.edge.plan import EdgePlan, Gateway

FROM_CARRIER, FROM_GATEWAY = 1, 2
"""Groups of `address.list`."""
MESSAGE_BYTES_MAX = 16_384
PING_S = 5
"""A gateway that does not answer is left after two of these."""
ANSWER_LIMIT_MS = 2_000
"""A gateway says 100 or 180 within milliseconds; one that has not by now is asked no longer and the next one is."""
RING_LIMIT_MS = 60_000
RELAYED = "replace-origin replace-session-connection ICE=remove strict-source"
"""What rtpengine is told of every offer and answer: both ends see the edge alone."""


def kamailio_files(plan: EdgePlan, directory: str) -> dict[str, str]:
    """Each file's name and text; `directory` is where they will lie on the edge."""
    return {
        "kamailio.cfg": _script(plan, directory),
        "tls.cfg": _tls(plan),
        "dispatcher.list": _dispatcher(plan.gateways),
        "address.list": _addresses(plan),
    }


def _dispatcher(gateways: tuple[Gateway, ...]) -> str:
    lines = [f"1 {gateway.uri} 8" for gateway in gateways]
    return "# set, gateway, flags (8: asked before it is used)\n" + "\n".join(lines) + "\n"


def _addresses(plan: EdgePlan) -> str:
    lines = ["# group, network"]
    for trunk in plan.trunks:
        lines.extend(_address(FROM_CARRIER, network) for network in trunk.signalling)
    lines.extend(
        _address(FROM_GATEWAY, address)
        for address in dict.fromkeys(g.address for g in plan.gateways)
    )
    return "\n".join(lines) + "\n"


def _address(group: int, network: str) -> str:
    address, _, prefix = network.partition("/")
    return f"{group} {address} {prefix or (128 if ':' in address else 32)}"


def _tls(plan: EdgePlan) -> str:
    check = (
        f"verify_certificate = yes\nca_list = {plan.ca}\n"
        if plan.ca
        else "verify_certificate = no\n"
    )
    return (
        "[server:default]\n"
        "method = TLSv1.2+\n"
        "verify_certificate = no\n"
        "require_certificate = no\n"
        f"certificate = {plan.cert}\n"
        f"private_key = {plan.key}\n"
        "\n"
        "[client:default]\n"
        "method = TLSv1.2+\n"
        f"{check}"
        f"certificate = {plan.cert}\n"
        f"private_key = {plan.key}\n"
    )


def _listen(plan: EdgePlan) -> str:
    advertise = f" advertise {_host(plan.advertised)}:{plan.tls_port}"
    lines = [
        f"listen=tls:{_host(plan.bind)}:{plan.tls_port}{advertise if plan.advertised != plan.bind else ''}"
    ]
    kinds = {gateway.transport for gateway in plan.gateways}
    if "tls" in kinds and plan.inner != plan.bind:
        lines.append(f"listen=tls:{_host(plan.inner)}:{plan.tls_port}")
    lines.extend(
        f"listen={kind}:{_host(plan.inner)}:{plan.inner_port}"
        for kind in ("tcp", "udp")
        if kind in kinds
    )
    return "\n".join(lines)


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


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
loadmodule "xlog.so"
loadmodule "sanity.so"
loadmodule "pike.so"
loadmodule "permissions.so"
loadmodule "dispatcher.so"
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
modparam("permissions", "address_file", "{directory}/address.list")
modparam("pike", "sampling_time_unit", 1)
modparam("pike", "reqs_density_per_unit", {plan.requests_per_second})
modparam("pike", "remove_latency", 4)

request_route {{
  if (msg:len > {MESSAGE_BYTES_MAX}) {{ exit; }}
  # A stranger gets no answer, not even a refusal: there is nothing here.
  if (!allow_source_address("{FROM_CARRIER}") && !allow_source_address("{FROM_GATEWAY}")) {{ exit; }}
  if (!allow_source_address("{FROM_GATEWAY}") && !pike_check_req()) {{
    xlog("L_CRIT", "edge: more requests than calls need; the rest is dropped\\n");
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
  if (!t_newtran()) {{ exit; }}
  record_route();
  if (!ds_select_dst("1", "4")) {{
    xlog("L_CRIT", "edge: no gateway answers; a call is refused\\n");
    append_to_reply("Retry-After: 30\\r\\n");
    t_reply("503", "Service Unavailable");
    exit;
  }}
  # Without the media's relay a call would be up and silent: the carrier tries elsewhere instead.
  if (has_body("application/sdp") && !rtpengine_offer("{RELAYED}")) {{
    xlog("L_CRIT", "edge: rtpengine does not answer; a call is refused\\n");
    append_to_reply("Retry-After: 30\\r\\n");
    t_reply("503", "Service Unavailable");
    exit;
  }}
  t_on_reply("ANSWERED");
  t_on_failure("NEXT_GATEWAY");
  if (!t_relay()) {{ route(ANOTHER); }}
}}

route[WITHIN] {{
  if (!loose_route()) {{
    if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    sl_send_reply("404", "Not Here");
    exit;
  }}
  if (is_method("BYE")) {{ rtpengine_delete(); }}
  if (is_method("INVITE|UPDATE|ACK") && has_body("application/sdp")) {{
    rtpengine_manage("{RELAYED}");
  }}
  if (is_method("INVITE|UPDATE")) {{ t_on_reply("ANSWERED"); }}
  t_relay();
  exit;
}}

# The one who was chosen is gone: another is asked before the caller hears of it.
route[ANOTHER] {{
  ds_mark_dst("p");
  if (ds_next_dst()) {{
    t_on_reply("ANSWERED");
    t_on_failure("NEXT_GATEWAY");
    if (t_relay()) {{ exit; }}
  }}
  append_to_reply("Retry-After: 30\\r\\n");
  t_reply("503", "Service Unavailable");
  exit;
}}

onreply_route[ANSWERED] {{
  if (has_body("application/sdp")) {{
    rtpengine_manage("{RELAYED}");
  }}
}}

failure_route[NEXT_GATEWAY] {{
  if (t_is_canceled()) {{ rtpengine_delete(); exit; }}
  if (t_check_status("503") || (t_branch_timeout() && !t_branch_replied()) || t_check_status("477")) {{
    if (t_branch_timeout()) {{ ds_mark_dst("p"); }}
    if (ds_next_dst()) {{
      t_on_reply("ANSWERED");
      t_on_failure("NEXT_GATEWAY");
      if (t_relay()) {{ exit; }}
    }}
    append_to_reply("Retry-After: 30\\r\\n");
    rtpengine_delete();
    t_reply("503", "Service Unavailable");
    exit;
  }}
  rtpengine_delete();
}}
"""
