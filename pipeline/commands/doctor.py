"""`wardline doctor`: what this machine lacks to serve calls safely, each with what to do about it.

What the server needs is looked at here; what row C10 asks of the machine, in `pipeline.machine`. Ends with 0 only when
nothing failed and nothing stayed unknown.
"""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import json
import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from cryptography import x509

from pipeline import config
from pipeline.audit.folder import heads_file
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.opened import models_in_bundles, still_whole
from pipeline.cli import Command
from pipeline.clock import wall_now
from pipeline.commands import chat_server, doctor_sip
from pipeline.errors import ConfigError
from pipeline.machine.engines import missing_files
from pipeline.machine.finding import Finding, all_passed
from pipeline.machine.judge import judge
from pipeline.machine.read import look
from pipeline.settings import Settings
from pipeline.supervisor import checked
from pipeline.supervisor.relaxed import relaxed

MEMORY_BASE_MB = 900
"""Measured: supervisor, one worker with its engines and the recogniser's loader."""
MEMORY_PER_CALL_MB = 40
"""A recogniser is forked from the loader and shares its model."""
DISK_MB = 200
"""Built language models and the event log."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at what the server needs, in the order a newcomer would mend it."""
    for examined in LOOKS:
        yield examined(settings)


def _python(_: Settings) -> Finding:
    version = platform.python_version()
    if version.startswith("3.11."):
        return Finding("python", "pass", version)
    return Finding("python", "fail", f"{version}: run the server with Python 3.11")


def _packages(_: Settings) -> Finding:
    names = ("aiohttp", "aiortc", "pipecat", "onnxruntime", "pocketsphinx", "espeakng_loader")
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        return Finding("packages", "fail", f"missing {', '.join(missing)}: run make setup")
    return Finding("packages", "pass", "everything the server imports is installed")


def _engine_files(settings: Settings) -> Finding:
    engines = settings.engines
    wanted = {
        "engines.whisper_directory": engines.whisper_directory if engines.stt == "whisper" else "",
        "engines.piper_voice": engines.piper_voice if engines.tts == "piper" else "",
        "engines.piper_voice_es": engines.piper_voice_es if engines.tts == "piper" else "",
        "engines.pronunciations": engines.pronunciations,
    }
    missing = [key for key, path in wanted.items() if path and not Path(path).exists()]
    if missing:
        return Finding(
            "engines", "fail", f"{', '.join(missing)}: nothing is there; correct the path"
        )
    return Finding("engines", "pass", f"{engines.stt}, {engines.llm}, {engines.tts}")


def _language_model(settings: Settings) -> Finding:
    return chat_server.look(settings.engines)


def _models(settings: Settings) -> Finding:
    try:
        faults = still_whole(settings)
    except BundleFault as fault:
        return Finding("models", "fail", str(fault))
    if faults:
        named = ", ".join(f"{each.path} ({each.kind})" for each in faults[:3])
        return Finding("models", "fail", f"{named}: run `wardline bundle verify`, it says more")
    if not models_in_bundles(settings):
        return Finding("models", "pass", "none of a bundle is configured")
    return Finding("models", "pass", "the bundle's files are there, in their length")


def _call_flow(settings: Settings) -> Finding:
    try:
        checked.check_texts(settings)
    except ConfigError as error:
        return Finding("call flow", "fail", "; ".join(error.faults))
    named = settings.practice.flow_file or "the shipped one"
    return Finding("call flow", "pass", f"{named}; no text identifies anybody")


def _files_of_models(settings: Settings) -> Finding:
    if missing := missing_files(settings):
        return Finding("engine files", "fail", "; ".join(missing))
    return Finding("engine files", "pass", "every file of the chosen engines is there")


def _audit_heads(settings: Settings) -> Finding:
    name, file = "audit heads", heads_file(settings)
    if file is None:
        return Finding(
            name, "pass", "kept in the event log; audit.heads_file keeps them on another disk too"
        )
    try:
        checked.check_places(settings)
    except ConfigError as error:
        return Finding(name, "fail", "; ".join(error.faults))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        return Finding(
            name,
            "fail",
            f"{file} cannot be written by this user: correct its owner (run doctor as the server's user)",
        )
    return Finding(name, "pass", f"appended to {file}")


def _relaxed(settings: Settings) -> Finding:
    found = [each.key for each in relaxed(settings)]
    if found:
        return Finding(
            "relaxed", "warn", f"{', '.join(found)}: `wardline check-config` says what each costs"
        )
    return Finding("relaxed", "pass", "no setting relaxes a protection")


def _tcp_port(settings: Settings) -> Finding:
    http = settings.http
    family = socket.AF_INET6 if ":" in http.bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((http.bind, http.port))
        except OSError as error:
            return Finding(
                "port",
                "fail",
                f"TCP {http.bind}:{http.port}: {error.strerror}; stop what uses it (a running Wardline?)"
                " or set http.port",
            )
    return Finding("port", "pass", f"TCP {http.bind}:{http.port} is free")


def _udp_ports(settings: Settings) -> Finding:
    media = settings.media
    wanted = 2 * settings.workers.count * settings.workers.calls_per_worker
    free = 0
    for port in range(media.port_min, media.port_max + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                free += 1
            except OSError:
                continue
        if free >= wanted:
            return Finding("media ports", "pass", f"UDP {media.port_min}-{media.port_max}")
    return Finding(
        "media ports",
        "fail",
        f"{free} free UDP ports in {media.port_min}-{media.port_max}, {wanted} needed:"
        " widen media.port_min and media.port_max",
    )


def _certificate(settings: Settings) -> Finding:
    tls, bind = settings.tls, settings.http.bind
    if not tls.cert:
        if ipaddress.ip_address(bind).is_loopback:
            return Finding(
                "certificate",
                "warn",
                "none: browsers on other machines get no microphone; `wardline tls init` makes one",
            )
        return Finding(
            "certificate", "fail", f"http.bind {bind} needs TLS: run `wardline tls init`"
        )
    try:
        found = x509.load_pem_x509_certificate(Path(tls.cert).read_bytes())
    except (OSError, ValueError):
        return Finding("certificate", "fail", f"{tls.cert} is not a readable PEM certificate")
    days = (found.not_valid_after_utc - wall_now()).days
    if days < 0:
        return Finding("certificate", "fail", "expired: run `wardline tls init` again")
    if days <= doctor_sip.RENEW_DAYS:
        return Finding("certificate", "warn", f"expires in {days} days: run `wardline tls init`")
    return Finding("certificate", "pass", f"valid for {days} days")


def _cores(settings: Settings) -> Finding:
    cores = len(os.sched_getaffinity(0))
    workers = settings.workers.count
    if workers > cores:
        return Finding(
            "cores", "warn", f"{workers} workers on {cores} cores: set workers.count = {cores}"
        )
    return Finding("cores", "pass", f"{cores} for {workers} worker{'s' * (workers != 1)}")


def _memory(settings: Settings) -> Finding:
    calls = settings.workers.count * settings.workers.calls_per_worker
    wanted_mb = settings.workers.count * MEMORY_BASE_MB + calls * MEMORY_PER_CALL_MB
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(line for line in lines if line.startswith("MemAvailable:"))
    found_mb = int(available.split()[1]) // 1024
    if found_mb < wanted_mb:
        return Finding(
            "memory",
            "warn",
            f"{found_mb} MB available, about {wanted_mb} MB wanted for {calls} calls",
        )
    return Finding("memory", "pass", f"{found_mb} MB available, about {wanted_mb} MB wanted")


def _disk(settings: Settings) -> Finding:
    folder = Path(settings.state.directory).absolute()
    while not os.path.exists(folder):  # False, too, where we may not look
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free // 2**20
    if not os.access(folder, os.W_OK):
        return Finding("state", "fail", f"{folder} is not writable: set state.directory")
    if free_mb < DISK_MB:
        return Finding("state", "fail", f"{free_mb} MB free at {folder}, {DISK_MB} MB needed")
    return Finding("state", "pass", f"{folder}, {free_mb} MB free")


LOOKS: tuple[Callable[[Settings], Finding], ...] = (
    _python,
    _packages,
    _call_flow,
    _audit_heads,
    _relaxed,
    _files_of_models,
    _engine_files,
    _models,
    _language_model,
    _tcp_port,
    _udp_ports,
    _certificate,
    _cores,
    _memory,
    _disk,
)


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "area", nargs="?", choices=("sip",), help="only the telephone: certificate, name, ports"
    )
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(arguments: argparse.Namespace) -> int:
    findings = list(_findings(arguments.config, arguments.area))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.verdict:<8} {finding.name:<19} {finding.message}")
    return 0 if all_passed(findings) else 1


def _findings(file: str | None, area: str | None) -> Iterator[Finding]:
    try:
        settings = checked.load(file)
    except ConfigError as error:
        for fault in error.faults:
            yield Finding("configuration", "fail", fault)
        return
    if area == "sip":
        yield from doctor_sip.examine(settings)
        return
    yield from examine(settings)
    yield from judge(look(settings, config.named_file(file)))


command = Command("doctor", "Say what this machine lacks", _configure, _run)
