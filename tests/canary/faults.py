"""Makes one stage of a served call fail on demand, with planted identifiers in the error and around it.

The name of the stage is read from a file in the current directory each time the stage is entered, so that one
server serves every fault. What fails here fails as a mistake of ours would: by an exception nobody expects.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tests.canary.leaks import leak_everything
from tests.canary.people import people

FILE = Path("fault")
"""Holds the name of the stage that fails now."""
FIRED = Path("fired")
"""A line for each time a stage failed, and for each planted result of a tool: what never happened proves nothing."""
PLANTED_TOOL = "look_up_visit"
TOOL_RESULT = "tool result"

WORKER_STAGES = (
    "recogniser",
    "receptionist",
    "model",
    "speaker",
    "transport",
    "store",
    "audit of a call",
    "outputs of the worker",
    "abort",
    "segmentation fault",
)
SUPERVISOR_STAGES = ("door", "audit", "webhook", "outputs of the supervisor")
CRASHES = ("abort", "segmentation fault")

_PEOPLE = people()


def failing() -> str:
    """The stage that fails now."""
    try:
        return FILE.read_text().strip()
    except OSError:
        return ""


def fired(stage: str) -> None:
    """Keep that it happened, whatever becomes of this process next."""
    descriptor = os.open(FIRED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{stage}\n".encode())
    os.close(descriptor)


def _fail(about: object) -> NoReturn:
    """Raise with everything an error could carry: a text, local variables, a cause, a note."""
    person = _PEOPLE["exception"]
    phone, born = person.phone_written, person.born_written
    try:
        raise KeyError(f"{person.name} {phone} {born}")
    except KeyError as cause:
        error = RuntimeError(f"cannot go on with {about} of {person.says}")
        error.add_note(person.insured_written)
        raise error from cause


def _breaking(
    owner: Any, name: str, stage: str, concerns: Callable[..., bool] = lambda *_, **__: True
) -> None:
    """Let this method fail, with its own arguments in the text, while its stage is the one that fails.

    `concerns`: of these arguments; what else it is called with is left alone.
    """
    original = getattr(owner, name)

    @functools.wraps(original)
    def broken(*arguments: Any, **named: Any) -> Any:
        if failing() == stage and concerns(*arguments, **named):
            fired(stage)
            _fail((arguments[1:], named))
        return original(*arguments, **named)

    setattr(owner, name, broken)


def break_worker() -> None:
    """Prepare the stages of a worker."""
    from models.espeak import EspeakVoice
    from models.openai_llm import OpenAiLanguageModel
    from models.pocketsphinx import _CallEar
    from pipeline.audit.call import CallAudit
    from pipeline.call.receptionist import ScriptedReceptionist
    from pipeline.call.session import Call
    from pipeline.store.records import Records
    from pipeline.transports import messages

    _breaking(EspeakVoice, "synthesize", "speaker")
    _breaking(OpenAiLanguageModel, "_post", "model", lambda _, asked: asked.max_tokens != 1)
    _breaking(ScriptedReceptionist, "reply", "receptionist")
    _breaking(Records, "write", "store")
    _breaking(messages, "read_message", "transport")
    _breaking(CallAudit, "request", "audit of a call")
    settle = _CallEar.settle

    async def unsettled(self: _CallEar) -> Any:
        heard = await settle(self)
        if failing() == "recogniser":
            fired("recogniser")
            _fail(heard.text.text)
        return heard

    _CallEar.settle = unsettled  # type: ignore[method-assign]  # the point of this file
    attach = Call.attach

    def attached(self: Call, leg: Any) -> None:
        attach(self, leg)
        self.offer_tools([_planted_tool()])

    Call.attach = attached  # type: ignore[method-assign]  # a page's call has no tool of ours
    _on_message(messages, crash)


def _planted_tool() -> Any:
    """A tool as any other of a call, guarded as they are; what it brings is planted, declared fields and others."""
    from phi.guard import ResultShape
    from pipeline.call.tools import Tool

    person = _PEOPLE["tool_result"]

    async def run(arguments: Mapping[str, object]) -> object:
        del arguments
        fired(TOOL_RESULT)
        return {"status": person.says, "rows": [person.values], **person.values, **person.spoken}

    return Tool(
        PLANTED_TOOL,
        "Looks up the caller's last visit.",
        {},
        (),
        run,
        ResultShape({"status": str}),
        side_effect=False,
    )


def _on_message(messages: Any, act: Callable[[], None]) -> None:
    """A message of the page is the moment for everything that is no fault of one stage."""
    original = messages.read_message

    def read(text: str | bytes) -> Any:
        act()
        return original(text)

    messages.read_message = read


def _once() -> None:
    """What was asked for is done: the next message finds the stage mended."""
    FILE.write_text("")


def crash() -> None:
    """Talk at every output, or die, when that is what is asked for."""
    match failing():
        case "outputs of the worker":
            fired("outputs of the worker")
            _once()
            speak("the worker")
        case "abort":
            fired("abort")
            os.abort()
        case "segmentation fault":
            fired("segmentation fault")
            kept = [each.says.encode() for each in _PEOPLE.values()]
            ctypes.string_at(8)
            del kept
        case _:
            return


def break_supervisor() -> None:
    """Prepare the stages of the supervisor."""
    from pipeline.supervisor.front import Front
    from pipeline.supervisor.witness import Witness
    from pipeline.webhook import deliver

    _breaking(Witness, "reported", "audit")
    _breaking(deliver, "signed_headers", "webhook")
    mint = Front._mint

    async def broken(self: Front, request: Any) -> Any:
        match failing():
            case "door":
                fired("door")
                _fail(dict(request.headers))
            case "outputs of the supervisor":
                fired("outputs of the supervisor")
                _once()
                speak("the supervisor")
            case "leaks":
                leak_everything()
        return await mint(self, request)

    Front._mint = broken  # type: ignore[method-assign]  # the point of this file


# --- every way in which a process talks -----------------------------------------------------------


class _Unraisable:
    def __del__(self) -> None:
        _fail("its end")


def speak(who: str) -> None:
    """Say a planted sentence in every way a process has."""
    said = f"\n{who} heard {_PEOPLE['output'].says}\n"
    print(said, flush=True)
    sys.stderr.write(said)
    sys.stderr.flush()
    for descriptor in (1, 2):
        os.write(descriptor, said.encode())
        os.write(descriptor, b'\n{"event":"said","by":"w1","text":"%s"}\n' % said.strip().encode())
        ctypes.CDLL(None).dprintf(descriptor, b"%s", said.encode())
        _child(descriptor)
    _libraries(said)
    _hooks(said)


def _child(descriptor: int) -> None:
    """A child that has nothing of ours but the descriptors; it ends by a crash."""
    said = f"\nchild heard {_PEOPLE['child'].says}\n".encode()
    pid = os.fork()
    if pid == 0:
        os.write(descriptor, said)
        os.kill(os.getpid(), signal.SIGABRT)
    os.waitpid(pid, 0)
    from pipeline.telemetry.canary import CHILD_COMMAND

    subprocess.run([*CHILD_COMMAND, said.decode()], check=False, timeout=10)


def _libraries(said: str) -> None:
    from loguru import logger

    for name in ("aiortc.rtcpeerconnection", "aiohttp.server", "sqlalchemy.engine", said):
        for level in (10, 20, 30, 40, 50):
            logging.getLogger(name).log(level, "%s", said, extra={"said": said})
    for level_name in ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        logger.log(level_name, said)
    try:
        _fail(said)
    except RuntimeError:
        logging.getLogger("aiohttp.server").exception("while %s", said)
        logger.exception(said)


def speak_to_libraries() -> None:
    """Each planted person through every library, in the plain sentence and in the values of a form."""
    for person in _PEOPLE.values():
        for said in (person.says, repr(person.values), *person.spoken.values()):
            _libraries(said)


def _hooks(said: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(said, ResourceWarning, stacklevel=1)
    thread = threading.Thread(target=_fail, args=(said,))
    thread.start()
    thread.join()
    _Unraisable()
    gc.collect()
    try:
        _fail(said)
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    asyncio.get_running_loop().call_exception_handler(
        {"message": said, "exception": RuntimeError(said), "task": said}
    )
    asyncio.get_running_loop().call_soon(_fail, said)
