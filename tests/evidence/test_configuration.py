"""The configuration as an auditor sees it: every key, no secret, nothing of an address that could be one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import config
from pipeline.evidence.configuration import shown
from pipeline.settings import Settings

PLANTED = "hunter2-hunter2-hunter2-hunter2-hunter2"


def test_every_key_is_shown_and_secrets_only_as_set_or_not(tmp_path: Path) -> None:
    settings = config.from_mapping(
        {
            "webhook": {
                "url": f"https://ehr.clinic.example:8443/hook/{PLANTED}?token={PLANTED}",
                "addresses": ["10.0.0.5/32"],
                "secret": PLANTED,
            },
            "engines": {"llm": "openai", "llm_url": "http://[::1]:8000/v1", "llm_model": "m", "llm_api_key": PLANTED,
                "llm_more_urls": [f"http://127.0.0.1:8001/{PLANTED}"]},
            "store": {"key": "command", "key_command": ["pass", "show", PLANTED]},
        }
    )  # fmt: skip
    found = shown(settings)
    assert PLANTED not in json.dumps(found)
    assert set(found) == {key for key, _ in config.masked(settings)}
    assert found["webhook.secret"] == found["engines.llm_api_key"] == "set"
    assert found["store.key_text"] == "not set"
    assert found["webhook.url"] == "https://ehr.clinic.example:8443/..."
    assert found["engines.llm_url"] == "http://[::1]:8000/..."
    assert found["engines.llm_more_urls"] == ["http://127.0.0.1:8001/..."]
    assert found["store.key_command"] == ["pass", "2 arguments"]
    assert found["webhook.addresses"] == ["10.0.0.5/32"]


@pytest.mark.parametrize("key", [key for key, _ in config.masked(Settings())])
def test_a_value_is_masked_here_wherever_check_config_masks_it(key: str) -> None:
    section, _, name = key.rpartition(".")
    owner = Settings()
    for part in section.split("."):
        owner = getattr(owner, part)
    meta = owner.__dataclass_fields__[name].metadata
    assert (shown(Settings())[key] == "not set") == bool(meta.get("secret"))
