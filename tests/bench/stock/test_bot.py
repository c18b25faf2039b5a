"""The controls are what they are called: one as Pipecat comes, one as fast as its settings allow and no more patient than ours."""

from __future__ import annotations

from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from bench.load.results import SILENCE_MS
from bench.stock.bot import DEFAULT_CHUNKS, FAST_CHUNKS, detection, strategies
from bench.stock.services import request_of
from models.timed.held import words_held
from pipeline.line import FRAME_MS
from pipeline.turn.settings import FloorSettings


def kinds(of: UserTurnStrategies) -> list[list[str]]:
    return [[type(each).__name__ for each in group or ()] for group in (of.start, of.stop)]


def test_the_default_bot_has_the_strategies_and_the_detector_that_nobody_asked_for() -> None:
    assert kinds(strategies(default=True)) == kinds(UserTurnStrategies())
    assert detection(default=True) == VADParams()
    assert DEFAULT_CHUNKS == 4


def test_the_fastest_bot_waits_for_silence_and_voice_as_long_as_ours_and_for_nothing_else() -> None:
    fast, floor = detection(default=False), FloorSettings()
    assert fast.stop_secs * 1000.0 == SILENCE_MS == floor.endpoint.silence_ms
    assert fast.start_secs * 1000.0 <= floor.gate.confirm_frames * FRAME_MS < 1000.0 * VADParams().start_secs  # fmt: skip
    found = strategies(default=False)
    assert kinds(found) == [
        [VADUserTurnStartStrategy.__name__], [SpeechTimeoutUserTurnStopStrategy.__name__],
    ]  # fmt: skip
    assert found.stop is not None
    (stop,) = found.stop
    assert isinstance(stop, SpeechTimeoutUserTurnStopStrategy)
    assert stop._user_speech_timeout == 0.0
    assert FAST_CHUNKS == 2


def test_the_engine_is_shown_what_the_bots_own_context_holds() -> None:
    context = LLMContext()
    context.add_message({"role": "system", "content": "be brief"})
    for words in (("one",), ("two", "apple is the")):
        context.add_message({"role": "user", "content": words[0]})
        context.add_messages([{"role": "assistant", "content": each} for each in words[1:]])
    context.add_message({"role": "user", "content": "three"})
    request = request_of(context)
    assert [message.role for message in request.messages] == ["user", "user", "assistant", "user"]
    assert words_held(request.messages) == 3
