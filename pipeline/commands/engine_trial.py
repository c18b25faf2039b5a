"""Measures engines on this machine, one after the other: the same sentence, the same prompt, a few rounds.

A figure says how fast an engine is here, never how well it hears, thinks or sounds. What was said and answered is
dropped at once.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPException
from itertools import pairwise
from urllib.parse import urlsplit

import numpy as np
import soxr

from models.errors import EngineError
from models.ports import LISTEN_RATE_HZ, SpeechToText, TextToSpeech
from pipeline.app import hearing_and_speaking
from pipeline.clock import Clock, LoopClock, MonotonicClock
from pipeline.commands.chat_server import Unfit, connect, reason
from pipeline.machine.engines import Found
from pipeline.settings import Engines, Settings

SENTENCE = "I would like to make an appointment on Tuesday in the afternoon, please."
PROMPT = "Write the numbers from one to forty in words, with commas."
TOKENS = 64
PIECE_MS = 20
QUIET_MS = 200
"""After the sentence, as a caller's pause."""
ANSWER_LIMIT_S = 30.0
LINE_BYTES_MAX = 1 << 20

Figures = dict[str, float]
Told = Callable[[str], None]


class NotMeasured(Exception):
    """Why an engine could not be measured, in a sentence."""


def measure(found: Found, settings: Settings, rounds: int, tell: Told) -> Figures:
    """The figures of one engine; raises `NotMeasured`."""
    if found.state != "ready":
        raise NotMeasured(found.message)
    if found.engine == "scripted":
        raise NotMeasured("it answers from the call flow at once; there is nothing to measure")
    tell(f"measuring {found.engine}: {rounds} rounds ...")
    if found.role == "thinks":
        return _thinking(settings, rounds)
    try:
        return asyncio.run(_in_worker(found, settings, rounds))
    except EngineError as error:
        raise NotMeasured(f"it failed: {error}") from None


async def _in_worker(found: Found, settings: Settings, rounds: int) -> Figures:
    engines = settings.engines
    if found.role == "hears":
        engines = replace(engines, stt=found.engine)
    else:
        engines = replace(engines, tts=found.engine)
    chosen = replace(settings, engines=engines)
    stt, tts = hearing_and_speaking(chosen)
    if found.role == "speaks":
        return await speaking(tts, rounds)
    embedded = replace(settings, engines=replace(settings.engines, tts="espeak"))
    _, voice = hearing_and_speaking(embedded)
    return await hearing(stt, await _spoken(voice), rounds)


async def speaking(tts: TextToSpeech, rounds: int) -> Figures:
    """How long until the first sound of a sentence, and how much faster than speech the whole is made."""
    clock = LoopClock()
    await tts.start()
    try:
        first: list[float] = []
        factors: list[float] = []
        for _ in range(rounds):
            began_ms = clock.now_ms()
            samples = 0
            async for chunk in tts.synthesize(SENTENCE):
                if not samples:
                    first.append(clock.now_ms() - began_ms)
                samples += len(chunk.pcm) // 2
            if not samples:
                raise NotMeasured("it made no sound of the sentence")
            factors.append((clock.now_ms() - began_ms) * tts.sample_rate_hz / 1000 / samples)
    finally:
        await tts.stop()
    return {
        "first_audio_ms_p50": _middle(first),
        "first_audio_ms_worst": round(max(first), 2),
        "real_time_factor_p50": _middle(factors, 4),
    }


async def hearing(stt: SpeechToText, pcm: bytes, rounds: int) -> Figures:
    """How much faster than speech a sentence is recognised, and how long after its end the text is there."""
    clock = LoopClock()
    length_ms = len(pcm) * 1000 / (LISTEN_RATE_HZ * 2)
    await stt.start()
    try:
        factors = [await _at_once(stt, pcm, clock) / length_ms for _ in range(rounds)]
        ends = [await _as_spoken(stt, pcm, clock) for _ in range(rounds)]
    finally:
        await stt.stop()
    return {
        "real_time_factor_p50": _middle(factors, 4),
        "end_to_final_ms_p50": _middle(ends),
        "end_to_final_ms_worst": round(max(ends), 2),
    }


async def _at_once(stt: SpeechToText, pcm: bytes, clock: Clock) -> float:
    ear = await stt.open()
    try:
        began_ms = clock.now_ms()
        ear.begin()
        ear.feed(pcm)
        await ear.settle()
        return clock.now_ms() - began_ms
    finally:
        await ear.close()


async def _as_spoken(stt: SpeechToText, pcm: bytes, clock: Clock) -> float:
    """Fed at the pace of speech: an engine that listens meanwhile has little left to do at the end."""
    step = LISTEN_RATE_HZ * PIECE_MS // 1000 * 2
    ear = await stt.open()
    try:
        ear.begin()
        began_ms = clock.now_ms()
        for index in range(0, len(pcm), step):
            ear.feed(pcm[index : index + step])
            due_ms = began_ms + (index // step + 1) * PIECE_MS
            await asyncio.sleep(max(0.0, due_ms - clock.now_ms()) / 1000)
        ended_ms = clock.now_ms()
        await ear.settle()
        return clock.now_ms() - ended_ms
    finally:
        await ear.close()


async def _spoken(voice: TextToSpeech) -> bytes:
    await voice.start()
    try:
        pcm = b"".join([chunk.pcm async for chunk in voice.synthesize(SENTENCE)])
    finally:
        await voice.stop()
    samples = np.frombuffer(pcm, np.int16)
    heard = soxr.resample(samples, voice.sample_rate_hz, LISTEN_RATE_HZ)
    return heard.astype(np.int16).tobytes() + bytes(LISTEN_RATE_HZ * QUIET_MS // 1000 * 2)


def _thinking(settings: Settings, rounds: int) -> Figures:
    engines = settings.engines
    first: list[float] = []
    between: list[float] = []
    try:
        for _ in range(rounds):
            began_ms = MonotonicClock().now_ms()
            at_ms = list(_deltas(engines))
            if len(at_ms) < 2:
                raise NotMeasured("its answer to the prompt was too short to measure")
            first.append(at_ms[0] - began_ms)
            between += [later - at for at, later in pairwise(at_ms)]
    except Unfit as fault:
        raise NotMeasured(str(fault)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise NotMeasured(f"engines.llm_url: {reason(error, engines)}") from None
    ordered = sorted(between)
    return {
        "first_token_ms_p50": _middle(first),
        "first_token_ms_worst": round(max(first), 2),
        "inter_token_ms_p50": _middle(between),
        "inter_token_ms_p95": round(ordered[int(len(ordered) * 0.95)], 2),
    }


def _deltas(engines: Engines) -> Iterator[float]:
    """When each piece of an answer came."""
    parts, clock = urlsplit(engines.llm_url), MonotonicClock()
    with closing(connect(engines, engines.llm_url, ANSWER_LIMIT_S)) as connection:
        body = {
            "model": engines.llm_model,
            "messages": [{"role": "user", "content": PROMPT}],
            "stream": True,
            "temperature": 0,
            "max_tokens": TOKENS,
        }
        headers = {"Content-Type": "application/json"}
        if engines.llm_api_key:
            headers["Authorization"] = f"Bearer {engines.llm_api_key}"
        path = parts.path.rstrip("/") + "/chat/completions"
        connection.request("POST", path, json.dumps(body), headers)
        with connection.getresponse() as answer:
            if answer.status != 200:
                raise NotMeasured(f"its server answered with status {answer.status}")
            while line := answer.readline(LINE_BYTES_MAX):
                if line.startswith(b"data:") and b"[DONE]" not in line and _has_text(line[5:]):
                    yield clock.now_ms()


def _has_text(data: bytes) -> bool:
    event = json.loads(data)
    choices = event.get("choices") if isinstance(event, dict) else None
    if not isinstance(choices, list):
        raise ValueError
    return any(
        isinstance(choice, dict)
        and isinstance(choice.get("delta"), dict)
        and choice["delta"].get("content")
        for choice in choices
    )


def _middle(values: list[float], digits: int = 2) -> float:
    return round(statistics.median(values), digits)
