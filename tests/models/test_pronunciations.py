"""The practice's file of pronunciations: what it says, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

from models.errors import EngineUnavailable
from models.pronunciations import IPA, Pronunciation, Pronunciations


def written(folder: Path, text: str) -> Path:
    path = folder / "names.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_word_has_a_respelling_or_phonemes_or_both(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[en]\nSiobhan = "shiv on"\nNguyen = "/wˈɪn/"\nXeljanz = ["zel jans", "/zˈɛldʒænz/"]\n'
        '[es]\n"O\'Neil" = "oníl"\n',
    )
    own = Pronunciations.read(path)
    assert own.of("SIOBHAN", "en") == Pronunciation("shiv on")
    assert own.of("Nguyen", "en") == Pronunciation("", "wˈɪn")
    assert own.of("xeljanz", "en") == Pronunciation("zel jans", "zˈɛldʒænz")
    assert own.of("O'Neil", "es") == Pronunciation("oníl")
    assert own.of("O'Neil", "en") is None


def test_drugs_are_shipped_and_the_practice_has_the_last_word(tmp_path: Path) -> None:
    shipped = Pronunciations.read(None)
    metformin = shipped.of("metformin", "en")
    assert metformin is not None
    assert metformin.spoken
    assert metformin.phonemes
    own = Pronunciations.read(written(tmp_path, '[en]\nMetformin = "met four min"\n'))
    assert own.of("metformin", "en") == Pronunciation("met four min")
    assert len(own) == len(shipped) >= 50


def test_every_sign_that_is_allowed_is_one_that_voices_know() -> None:
    assert set(DEFAULT_PHONEME_ID_MAP) >= IPA


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[en", "is not TOML (at "),
        ('metformin = "met for min"', "something else than the tables"),
        ('[fr]\na = "b"', "something else than the tables"),
        ("[en]\na = 5", "entry 1 of [en] needs a respelling"),
        ('[en]\na = ""', "entry 1 of [en] needs a respelling"),
        ('[en]\na = ["b", "/c/", "d"]', "entry 1 of [en] needs a respelling"),
        ('[en]\nok = "b"\n"two words" = "b"', "entry 2 of [en] is not one word"),
        ('[en]\nAda = "b"\nada = "c"', "entry 2 of [en] is there twice"),
        ('[en]\na = "b4"', "neither a respelling"),
        ('[en]\na = "[[b]]"', "neither a respelling"),
        ('[en]\na = "/b\u4f60/"', "signs that no voice knows (U+4F60)"),
        ('[en]\na = "/$b/"', "signs that no voice knows (U+0024)"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_the_remedy(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(EngineUnavailable) as refused:
        Pronunciations.read(written(tmp_path, text))
    assert complaint in str(refused.value)
    assert str(refused.value).startswith("engines.pronunciations: names.toml")


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        Pronunciations.read(tmp_path / "names.toml")
    (tmp_path / "names.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(EngineUnavailable, match="is not TOML"):
        Pronunciations.read(tmp_path / "names.toml")
    many = "\n".join(f'word{number} = "b"' for number in range(5_001))
    with pytest.raises(EngineUnavailable, match="over 5000 words"):
        Pronunciations.read(written(tmp_path, f"[en]\n{many}"))
