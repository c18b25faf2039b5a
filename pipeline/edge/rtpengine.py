"""Writes rtpengine's configuration from a plan. Text in, text out.

Of its log only critical lines are let through: others quote session descriptions and call ids. Its
keys are never written.
"""

from __future__ import annotations

from pipeline.edge.plan import CALL_LIMIT_S, EdgePlan

OUTER, INNER = "outer", "inner"
"""rtpengine's names for the carrier's side and the gateways': each is told the address that it reaches."""
LOST_AFTER_S = 60
"""A gateway ends a call after 30 s without a packet; this is for calls whose gateway died."""
HELD_S = 900


def rtpengine_conf(plan: EdgePlan) -> str:
    """The text of `rtpengine.conf`."""
    outer = plan.bind if plan.advertised == plan.bind else f"{plan.bind}!{plan.advertised}"
    return f"""# Written by `wardline edge-config`. Change the server's TOML and write it again.
[rtpengine]
table = -1
interface = {OUTER}/{outer};{INNER}/{plan.inner}
listen-ng = 127.0.0.1:{plan.control_port}
port-min = {plan.media_port_min}
port-max = {plan.media_port_max}
timeout = {LOST_AFTER_S}
silent-timeout = {HELD_S}
final-timeout = {CALL_LIMIT_S}
offer-timeout = 60
delete-delay = 0
foreground = true
log-stderr = true
log-level = 2
# Sound is taken from the address and port that a description names and from nowhere else; Kamailio has looked at both.
endpoint-learning = off
reject-invalid-sdp = true
"""
