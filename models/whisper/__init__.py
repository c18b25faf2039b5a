"""faster-whisper while the caller speaks: one shared model, a fair queue, words early, nothing out of silence.

`engine` lends ears, `ear` listens to one call; `utterance`, `queue`, `agreement`, `gates`, `prompt` and `repair` are
calculations; `decoding` alone knows the library. Nothing here knows turns or calls' flows. `docs/whisper.md` draws it.
"""

from models.whisper.engine import WhisperSpeechToText
from models.whisper.settings import WhisperSettings, WhisperVocabulary

__all__ = ["WhisperSettings", "WhisperSpeechToText", "WhisperVocabulary"]
