"""A wrong file of pronunciations is refused before a worker is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import config
from pipeline.errors import ConfigError
from pipeline.supervisor.checked import check_texts


def test_the_file_of_pronunciations_is_read_before_the_start(tmp_path: Path) -> None:
    names = tmp_path / "names.toml"
    names.write_text('[en]\nNguyen = "win"\n')
    settings = config.from_mapping({"engines": {"pronunciations": str(names)}})
    check_texts(settings)
    names.write_text("[en]\nNguyen = 5\n")
    with pytest.raises(ConfigError, match=r"names\.toml: entry 1 of \[en\] needs a respelling"):
        check_texts(settings)
