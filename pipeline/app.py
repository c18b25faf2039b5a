"""The composition root of a voice worker: the one file that names concrete engines."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from secrets import token_bytes
from typing import Literal

from models.breaker import Circuit
from models.clinic_language import clinic_language
from models.clinic_words import DRUGS
from models.errors import EngineError
from models.espeak import EspeakSettings, EspeakVoice
from models.openai_llm import OpenAiLanguageModel, OpenAiSettings
from models.piper import PiperSettings, PiperTextToSpeech
from models.pocketsphinx import PocketSphinx, PocketSphinxSettings
from models.ports import Language, SpeechToText, TextToSpeech
from models.replicas import Replicas
from models.silero import SileroVoice
from models.smart_turn import SmartTurn
from models.spare_ear import HearingWithSpare
from models.spare_voice import VoiceWithSpare
from models.timed.hearing import TimedHearing
from models.timed.speaking import TimedVoice
from models.timed.thinking import TimedMind
from models.timed.times import load as load_times
from models.whisper import WhisperSettings, WhisperSpeechToText, WhisperVocabulary
from pipeline.admission import Admission, Stage
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.events import EngineCircuit, EngineStoodIn, LineNotKept
from pipeline.call.fixed_lines import fixed_lines, kept_lines, rendered
from pipeline.call.flow import Flow
from pipeline.call.flow_file import load_flow
from pipeline.call.leading import offered
from pipeline.call.modelled import ModelledReceptionist, warming
from pipeline.call.paused import Unserved
from pipeline.call.reach import Reach
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.settings import CallSettings
from pipeline.call.taping import Permission
from pipeline.call.think import tool_spec
from pipeline.call.tracing import CallTrace
from pipeline.call.unvarying import UnvaryingReceptionist
from pipeline.clock import LoopClock, today
from pipeline.egress.places import relay_address
from pipeline.heap import Heap
from pipeline.recording.consent import OptOut, phrases_to_hear
from pipeline.recording.keeper import Keeper
from pipeline.setting_rules import ladders
from pipeline.settings import Settings
from pipeline.shelves import expirer, open_shelf
from pipeline.store.opening import now_ms, open_records, sweeper, tombstones_of
from pipeline.store.records import Records
from pipeline.store.requests import RequestStore
from pipeline.store.retention import logs_held
from pipeline.stream.local import socket_of
from pipeline.supervisor.channel import Channel
from pipeline.supervisor.host import audit_post, notifier, serve_calls
from pipeline.switchboard import Engines, Switchboard
from pipeline.telemetry import log, words
from pipeline.telemetry.events import Token, emit
from pipeline.telemetry.redaction import Redaction
from pipeline.traces import TraceFolder, traces_folder
from pipeline.transports.media_stream import MediaStreamDoor
from pipeline.transports.settings import MediaSettings
from pipeline.turn.chosen import floor_settings
from pipeline.turn.trace import Trace, written

_LANGUAGES: dict[str, Language | None] = {"en": "en", "es": "es", "detect": None}
_DEVICES: dict[str, Literal["auto", "cpu", "cuda"]] = {"auto": "auto", "cpu": "cpu", "cuda": "cuda"}
TRANSFER_MARGIN_MS = 5_000.0
"""The gateway gives a transfer up first, and says so."""
WORKER_BUSY_MS = 1_000
"""A call that ends waits two seconds for its commit; a lock held longer is one to tell of."""


async def run_worker(settings: Settings, channel: Channel) -> None:
    """Serve calls until the supervisor drains this worker or is gone."""
    flow = load_flow(settings.practice)
    heap = Heap()
    redaction = Redaction()
    words.plug(redaction.clean)
    auditor = audit_post(channel)
    over = (sweeper(settings), expirer(settings, auditor, asyncio.get_running_loop()))
    traces = TraceFolder(traces_folder(settings), settings.traces.days)

    def sweep(records: Records) -> None:
        for expire in over:
            expire(records)
        if not logs_held(records):
            traces.expire()

    requests = RequestStore(
        lambda: open_records(settings, busy_ms=WORKER_BUSY_MS),
        flow.request,
        LoopClock(),
        sweep=sweep,
    )
    keeper = _keeper(settings)
    model = _chat_model(settings)
    engines = replace(
        _engines(settings, flow, heap, requests, keeper, model), trace=_trace(settings, traces)
    )
    switchboard = Switchboard(
        engines,
        _media(settings),
        _call(settings, flow),
        floor_settings(settings),
        notifier(channel, lambda: switchboard),
        calls_limit=settings.workers.calls_per_worker,
        admission=_admission(settings),
        auditor=auditor,
        redaction=redaction,
        telephone=_telephone(settings),
    )
    async with AsyncExitStack() as house:
        if model is not None:
            tools = [tool_spec(tool.schema()) for tool in offered(engines.reach, lambda: None)]
            await house.enter_async_context(model.running(*warming(flow, today(), tools)))
        if keeper is not None:
            await house.enter_async_context(keeper)
        await house.enter_async_context(requests)
        await house.enter_async_context(switchboard)
        for engine in (engines.stt, engines.tts):
            if isinstance(engine, HearingWithSpare | VoiceWithSpare):
                await house.enter_async_context(engine.watched())
        await house.enter_async_context(heap.watch(lambda: switchboard.near_a_turn))
        await serve_calls(channel, switchboard)


def _trace(settings: Settings, traces: TraceFolder) -> Callable[[str], CallTrace | None]:
    """What makes the trace of one call, where traces are kept."""
    release, floor = version("wardline"), floor_settings(settings)

    async def keep(call_id: str, trace: Trace) -> None:
        await asyncio.to_thread(lambda: traces.keep(call_id, written(trace)))

    def trace(call_id: str) -> CallTrace | None:
        if settings.traces.keep == "off":
            return None
        return CallTrace(call_id, release, floor, keep)

    return trace


def _admission(settings: Settings) -> Admission:
    admission = settings.admission
    return Admission(
        {
            Stage.HEARING: float(admission.hearing_ms),
            Stage.THINKING: float(admission.thinking_ms),
            Stage.SPEAKING: float(admission.speaking_ms),
        }
    )


def _telephone(settings: Settings) -> MediaStreamDoor | None:
    """Where the gateway and the supervisor bring telephone calls; None where nobody will."""
    if not settings.trunk and not settings.media_stream.open:
        return None
    return MediaStreamDoor(socket_of(settings.state.directory, log.process()))


def _keeper(settings: Settings) -> Keeper | None:
    """None where the practice records nothing."""
    if settings.recording.mode == "off":
        return None
    graves = tombstones_of(settings)

    def bury(ids: list[str], why: str) -> None:
        graves.add(ids, why, now_ms())

    return Keeper(lambda: open_shelf(settings), settings.recording.kept_as, bury)


def _engines(
    settings: Settings,
    flow: Flow,
    heap: Heap,
    requests: RequestStore,
    keeper: Keeper | None,
    model: Replicas | None,
) -> Engines:
    stt, tts = _stt(settings, flow), _tts(settings)
    times = load_times(settings.engines.timed) if settings.engines.timed else None
    timed = TimedMind(times) if times is not None else None
    completion = SmartTurn() if times is None or times.smart_turn else None

    def receptionist(desk: Desk) -> Receptionist:
        if timed is not None:
            return UnvaryingReceptionist(timed, desk)
        scripted = ScriptedReceptionist(flow, desk, today)
        if model is None:
            return scripted
        return ModelledReceptionist(model, scripted, flow, desk, today)

    async def warm_up() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stt.start(), name="warm stt")
            group.create_task(tts.start(), name="warm tts")
            if completion is not None:
                group.create_task(completion.start(), name="warm end-of-turn model")
            if model is not None:
                group.create_task(model.start(), name="warm language model")
        await _keep_lines(settings, flow, tts)
        heap.settle()

    async def shut_down() -> None:
        await stt.stop()
        await tts.stop()
        if completion is not None:
            await completion.stop()

    return Engines(
        stt=stt,
        tts=tts,
        voice=SileroVoice(),
        completion=completion,
        receptionist=receptionist,
        record=requests.record,
        reach=Reach(*ladders(settings)),
        transfer_limit_ms=settings.transfer.limit_ms + TRANSFER_MARGIN_MS,
        unserved=Unserved(flow.say(flow.lines.paused), flow.urgent.phrases),
        recording=None
        if keeper is None
        else Permission(keeper, OptOut.shipped(settings.recording.opt_out), flow),
        warm_up=warm_up,
        shut_down=shut_down,
    )


async def _keep_lines(settings: Settings, flow: Flow, tts: TextToSpeech) -> None:
    """Make what callers hear when no worker is there to speak; a line that cannot be made stops no worker."""
    kept = kept_lines(settings, flow)
    for name in await asyncio.to_thread(kept.missing):
        try:
            pcm = await rendered(tts, fixed_lines(flow)[name])
            await asyncio.to_thread(kept.keep, name, pcm)
        except (EngineError, OSError) as error:
            emit(LineNotKept(Token(name), Token(type(error).__name__)))


def _stt(settings: Settings, flow: Flow) -> SpeechToText:
    engines = settings.engines
    if engines.timed:
        return TimedHearing(load_times(engines.timed), settings.workers.calls_per_worker)
    if engines.stt != "whisper":
        return _pocketsphinx(settings, flow)
    whisper = WhisperSpeechToText(_whisper(settings, flow))
    if engines.spares == "off" or engines.whisper_language == "es":  # the spare knows English alone
        return whisper
    return HearingWithSpare(
        whisper,
        _pocketsphinx(settings, flow),
        spare_knows=("en",),
        on_circuit=_circuit_of("stt"),
        on_stand_in=_stand_in_of("stt"),
    )


def _pocketsphinx(settings: Settings, flow: Flow) -> PocketSphinx:
    slots, clinic = settings.workers.calls_per_worker, flow.vocabulary()
    return PocketSphinx(
        PocketSphinxSettings(
            language=clinic_language(
                clinic.reasons,
                clinic.urgent_phrases,
                clinic.practice_words,
                first_names=flow.first_names,
                sentences=_opt_outs(settings),
            ),
            cache_directory=Path(settings.state.directory).expanduser() / "cache",
            slots=slots,
        )
    )


def _whisper(settings: Settings, flow: Flow) -> WhisperSettings:
    engines, clinic = settings.engines, flow.vocabulary()
    return WhisperSettings(
        Path(engines.whisper_directory).expanduser(),
        slots=settings.workers.calls_per_worker,
        language=_LANGUAGES[engines.whisper_language],
        device=_DEVICES[engines.whisper_device],
        window="short" if engines.whisper_window == "short" else "full",
        vocabulary=WhisperVocabulary(
            urgent=clinic.urgent_phrases,
            drugs=tuple(DRUGS),
            providers=flow.extra_words,
            reasons=clinic.reasons,
            names=flow.first_names,
        ),
    )


def _opt_outs(settings: Settings) -> tuple[str, ...]:
    """A refusal to be recorded must be understood where calls are recorded."""
    recording = settings.recording
    if recording.mode == "off":
        return ()
    return tuple(phrase for phrase in phrases_to_hear("en", recording.opt_out))


def _tts(settings: Settings) -> TextToSpeech:
    engines = settings.engines
    if engines.timed:
        return TimedVoice(load_times(engines.timed))
    own = Path(engines.pronunciations) if engines.pronunciations else None
    if engines.tts == "espeak":
        return EspeakVoice(EspeakSettings(pronunciations=own))
    chosen: tuple[tuple[Language, str], ...] = (
        ("en", engines.piper_voice),
        ("es", engines.piper_voice_es),
    )
    voices = tuple((language, Path(path)) for language, path in chosen if path)
    piper = PiperTextToSpeech(PiperSettings(voices, pronunciations=own))
    if engines.spares == "off":
        return piper
    return VoiceWithSpare(
        piper,
        EspeakVoice(EspeakSettings(pronunciations=own)),
        on_circuit=_circuit_of("tts"),
        on_stand_in=_stand_in_of("tts"),
    )


def _chat_model(settings: Settings) -> Replicas | None:
    engines = settings.engines
    if engines.timed or engines.llm == "scripted":
        return None
    salt = _cache_salt(settings)
    servers = [
        OpenAiLanguageModel(
            OpenAiSettings(
                url,
                engines.llm_model,
                engines.llm_api_key or None,
                addresses=engines.llm_addresses,
                ca_file=engines.llm_ca_file,
                dialect="vllm" if engines.llm_dialect == "vllm" else "plain",
                cache_salt=salt,
            )
        )
        for url in (engines.llm_url, *engines.llm_more_urls)
    ]
    return Replicas(servers, on_circuit=_tell_circuit)


def _tell_circuit(server: int, circuit: Circuit, code: str) -> None:
    emit(EngineCircuit(Token("llm"), server, Token(circuit.value), Token(code)))


def _circuit_of(engine: str) -> Callable[[Circuit, str], None]:
    return lambda circuit, code: emit(
        EngineCircuit(Token(engine), 0, Token(circuit.value), Token(code))
    )


def _stand_in_of(engine: str) -> Callable[[str], None]:
    return lambda code: emit(EngineStoodIn(Token(engine), Token(code)))


def _cache_salt(settings: Settings) -> str:
    """What practices that share a model's server are kept apart by: nobody can guess it, or whose it is.

    Workers with the same key share what the server remembers; without a key each worker has a salt of its own.
    """
    key = settings.engines.llm_api_key.encode() or token_bytes(32)
    return hmac.digest(key, b"cache salt of " + settings.practice.id.encode(), "sha256").hex()


def hearing_and_speaking(settings: Settings) -> tuple[SpeechToText, TextToSpeech]:
    """The two engines that run in a worker, not started: for who measures them outside a call, without their spares."""
    alone = replace(settings, engines=replace(settings.engines, spares="off"))
    return _stt(alone, load_flow(alone.practice)), _tts(alone)


def _media(settings: Settings) -> MediaSettings:
    media = settings.media
    return MediaSettings(
        media_addresses=media.media_addresses,
        port_min=media.port_min,
        port_max=media.port_max,
        allowed_networks=media.allowed_networks,
        connect_limit_ms=media.connect_limit_ms,
        reconnecting_after_ms=media.reconnecting_after_ms,
        end_after_ms=media.end_after_ms,
        max_pending_offers=media.max_pending_offers,
        relay_address=str(relay_address(media.turn_url) or ""),
    )


def _call(settings: Settings, flow: Flow) -> CallSettings:
    return CallSettings(
        practice_phone=flow.practice_phone,
        max_call_ms=float(settings.limits.call_limit_ms),
        reconnect_ms=float(settings.media.end_after_ms),
    )
