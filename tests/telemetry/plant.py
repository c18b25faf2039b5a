"""A child that tries to say one planted identifier through every way out of a process."""

from __future__ import annotations

from pipeline.telemetry import log

log.take_over("plant")

import asyncio  # noqa: E402
import contextlib  # noqa: E402
import ctypes  # noqa: E402
import gc  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import warnings  # noqa: E402

from loguru import logger  # noqa: E402

CANARY = sys.argv[1]


def fail() -> None:
    name = CANARY
    raise ValueError(f"{name} is not a name")


class Unraisable:
    def __del__(self) -> None:
        fail()


async def never_retrieved() -> None:
    async def task() -> None:
        fail()

    running = asyncio.get_running_loop().create_task(task())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    del running
    gc.collect()


def through_logging() -> None:
    named = logging.getLogger(CANARY)
    library = logging.getLogger("aiortc.rtcpeerconnection")
    for where in (named, library, logging.getLogger()):
        for level in (10, 20, 30, 40, 50):
            where.log(level, "said %s", CANARY)
        try:
            fail()
        except ValueError:
            where.exception("while %s", CANARY)


def through_loguru() -> None:
    for level in ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"):
        logger.log(level, "heard {}", CANARY)
    logger.opt(depth=1).warning(CANARY)
    try:
        fail()
    except ValueError:
        logger.exception(CANARY)
    with logger.catch(message=CANARY):
        fail()


if __name__ == "__main__":
    through_logging()
    logging.basicConfig(level=1, force=True)
    logging.getLogger("httpx").addHandler(logging.FileHandler(sys.argv[2]))
    logging.disable(logging.NOTSET)
    through_logging()
    logging.getLogger("httpx").error(CANARY)
    through_loguru()
    logger.remove()
    logger.add(sys.stderr, level=0)
    logger.configure(handlers=[{"sink": sys.argv[2], "level": 0}])
    through_loguru()
    warnings.warn(f"odd {CANARY}", stacklevel=1)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    asyncio.run(never_retrieved())
    Unraisable()
    gc.collect()
    print(CANARY)
    os.write(1, CANARY.encode())
    os.write(2, b"\n" + CANARY.encode() + b"\n")
    ctypes.CDLL(None).dprintf(2, CANARY.encode())
    subprocess.run([sys.executable, "-c", f"import sys; sys.exit({CANARY!r})"], check=False)
    fail()
