"""The environment variables vLLM runs with: a calculation. What is not listed here or in `config` it does not get.

Refuses to know where the key came from.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.settings import LlmServer

QUIET = {
    "VLLM_NO_USAGE_STATS": "1",  # otherwise it reports to stats.vllm.ai at the start and every ten minutes
    "VLLM_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",  # a name that is no folder must not become a download
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",  # at DEBUG some tool parsers write what the model said
    "VLLM_LOG_STATS_INTERVAL": "3600",  # nobody reads them; the numbers are at /metrics
    "VLLM_SERVER_DEV_MODE": "0",  # its routes change and reset a running server
    "VLLM_PLUGINS": "",  # code of other packages that registers itself is not run
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0",
    "OTEL_SDK_DISABLED": "true",  # spans would carry prompts
    "PYTHONNOUSERSITE": "1",
    "PYTHONSAFEPATH": "1",  # a file in the current folder must not stand in for a module
}
"""Name and value; each is checked against the installed package by `make test-vllm` where it is vLLM's."""

CACHES = {
    "XDG_CACHE_HOME": "",
    "XDG_CONFIG_HOME": "config",
    "VLLM_CACHE_ROOT": "vllm",
    "VLLM_CONFIG_ROOT": "config/vllm",
    "TRITON_CACHE_DIR": "triton",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "FLASHINFER_WORKSPACE_BASE": "flashinfer",
    "HF_HOME": "huggingface",
    "NUMBA_CACHE_DIR": "numba",
}
"""Compiled kernels, kept between starts under one folder: the rest of the disk may be read-only."""


def environment(server: LlmServer, key: str, cache: Path, path: str) -> dict[str, str]:
    """What to set for this server; `path` is the search path it would have had."""
    programs = os.path.dirname(server.executable)
    made = {
        **QUIET,
        **{name: str(cache / below) for name, below in CACHES.items()},
        "PATH": f"{programs}{os.pathsep}{path}" if path else programs,
        "VLLM_API_KEY": key,  # in the environment only its own user can read it; as an option everybody could
        "VLLM_HOST_IP": "127.0.0.1",  # engine and front find each other here, not at the first network card's address
    }
    if server.device == "cpu":
        made["VLLM_CPU_KVCACHE_SPACE"] = str(server.cache_gib)
    return made
