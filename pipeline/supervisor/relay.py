"""What a page is told of the practice's own TURN server: its address, and credentials that expire.

As coturn's `use-auth-secret` has it: the user is the second at which the credentials end, the password its HMAC-SHA1
under the secret that both servers know. A calculation: it opens nothing, and knows no caller.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime

from pipeline.settings import Settings

SPARE_S = 600
"""Beyond the longest call: coturn asks for the credentials again at each refresh, and clocks differ."""


def credentials(secret: str, ends_at_s: int) -> tuple[str, str]:
    """User and password that the relay takes until then."""
    user = str(ends_at_s)
    digest = hmac.digest(secret.encode(), user.encode(), "sha1")
    return user, base64.b64encode(digest).decode()


def ice_servers(settings: Settings, now: datetime) -> list[dict[str, str]]:
    """As `RTCPeerConnection` takes them: the practice's own relay, or none at all."""
    url = settings.media.turn_url
    if not url:
        return []
    ends_at_s = int(now.timestamp()) + settings.limits.call_limit_ms // 1000 + SPARE_S
    user, password = credentials(settings.media.turn_secret, ends_at_s)
    return [{"urls": url, "username": user, "credential": password}]
