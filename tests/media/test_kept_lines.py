"""Lines kept as sound: made once, whole, and never those of another text or voice."""

from __future__ import annotations

from pathlib import Path

from pipeline.media.kept_lines import FOLDER, KeptLines

TEXTS = {"busy": "All lines are busy.", "apology": "I am sorry."}


def test_a_line_is_made_once_and_sounds_again_after_a_restart(tmp_path: Path) -> None:
    kept = KeptLines(tmp_path / "state", TEXTS, "espeak")
    assert kept.missing() == ("busy", "apology")
    assert kept.sound("busy") == b""
    kept.keep("busy", b"\x01\x00" * 800)
    assert kept.missing() == ("apology",)
    again = KeptLines(tmp_path / "state", TEXTS, "espeak")
    assert again.sound("busy") == b"\x01\x00" * 800
    assert again.sound("unknown") == b""
    (file,) = (tmp_path / "state" / FOLDER).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "busy." not in file.read_bytes().decode("latin-1")


def test_another_text_or_voice_is_made_anew_and_the_old_one_goes(tmp_path: Path) -> None:
    KeptLines(tmp_path, TEXTS, "espeak").keep("busy", b"\x01\x00")
    for texts, voice in (({"busy": "Call later."}, "espeak"), (TEXTS, "piper /v.onnx")):
        kept = KeptLines(tmp_path, texts, voice)
        assert "busy" in kept.missing()
        assert kept.sound("busy") == b""
        kept.keep("busy", b"\x02\x00")
        assert kept.sound("busy") == b"\x02\x00"
        assert len(list((tmp_path / FOLDER).iterdir())) == 1
