"""`wardline egress-rules`: whom the rules bind is said before they are loaded."""

from __future__ import annotations

import os
import pwd

import pytest

from pipeline.cli import main
from pipeline.commands import egress_rules


def test_rules_for_a_user_come_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    user = pwd.getpwuid(os.getuid()).pw_name
    assert main(["egress-rules", "--user", user]) == 0
    out, err = capsys.readouterr()
    assert f'meta skuid "{user}" jump guarded' in out
    assert err == ""


@pytest.mark.parametrize(("own_network", "warned"), [(False, True), (True, False)])
def test_rules_for_everybody_warn_unless_the_network_is_the_servers_own(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    own_network: bool,
    warned: bool,
) -> None:
    monkeypatch.setattr(egress_rules, "_in_own_network", lambda: own_network)
    assert main(["egress-rules"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("#!/usr/sbin/nft -f\n")
    assert ("WARNING" in err and "--user NAME" in err and "DNS" in err) is warned


@pytest.mark.parametrize("user", ["nobody-such", "two words", "$(id)"])
def test_a_user_that_nft_would_refuse_is_refused_here(
    capsys: pytest.CaptureFixture[str], user: str
) -> None:
    assert main(["egress-rules", "--user", user]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--user" in err
    assert user not in err
