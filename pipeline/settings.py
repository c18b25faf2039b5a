"""Every setting of the server: its default, why, its unit and its limits. Values only.

`pipeline.config` fills these from the TOML file and the environment; nothing here reads either.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.setting_fields import items as _list
from pipeline.setting_fields import number as _number
from pipeline.setting_fields import one_of as _one_of
from pipeline.setting_fields import tables as _tables
from pipeline.setting_fields import text as _text
from pipeline.telephone_settings import Edge, MediaStream, Sip, Transfer, Trunk

LLM_OPTIONS = (
    "--attention-backend",
    "--block-size",
    "--chat-template",
    "--config-format",
    "--dtype",
    "--enforce-eager",
    "--kv-cache-dtype",
    "--load-format",
    "--max-num-batched-tokens",
    "--quantization",
    "--reasoning-parser",
    "--seed",
    "--tensor-parallel-size",
    "--tokenizer-mode",
)
"""What `llm_server.options` may hold: what fits a model to a card. Nothing that opens a door, writes a text down,
runs code or changes an option that `model_server.flags` sets."""


@dataclass(frozen=True, slots=True)
class Http:
    """The door for pages and signalling."""

    bind: str = _text("127.0.0.1", kind="address")
    """Loopback until TLS is configured: browsers give a microphone on localhost without TLS, nowhere else."""
    port: int = _number(8080, 0, 65535)
    """0 takes any free port (tests)."""
    public_url: str = _text(kind="url")
    """What callers type when a proxy or a name stands before us, e.g. https://voice.clinic.example"""
    trusted_proxies: tuple[str, ...] = _list(kind="narrow_network")
    """Networks whose X-Forwarded-For we believe."""
    allowed_origins: tuple[str, ...] = _list(kind="origin")
    """Sites whose own pages may place calls, as the browser writes them in Origin; our own page always may.
    They reach what a call needs, never the live view."""
    connections_max: int = _number(512, 8, 65536)
    """Each call keeps one stream open; above this a connection is closed at once."""
    request_limit_ms: int = _number(10_000, 500, 60_000)
    """A request's head and body must have arrived by then: a slow sender holds nothing."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate; required when `http.bind` is not loopback."""

    cert: str = _text(kind="file")
    """PEM chain; `wardline tls init` makes one for the local network."""
    key: str = _text(kind="file")
    """PEM key, readable by the server's user alone."""


@dataclass(frozen=True, slots=True)
class Media:
    """Where sound travels: UDP, directly between the caller and a worker."""

    media_addresses: tuple[str, ...] = _list(kind="address")
    """Addresses put in the answer; none: this machine's own."""
    port_min: int = _number(20_000, 1024, 65_535)
    """Below Linux's ephemeral range (32768), so that nothing else takes a port of ours."""
    port_max: int = _number(20_499, 1024, 65_535)
    """Inclusive; a call uses one or two ports per address."""
    allowed_networks: tuple[str, ...] = _list(kind="network")
    """Callers' media addresses that are accepted; none: loopback and this machine's own addresses,
    so callers on other machines are heard only once their network is listed."""
    connect_limit_ms: int = _number(10_000, 1_000, 60_000)
    """Measured: an abandoned offer holds a socket and tasks until then."""
    reconnecting_after_ms: int = _number(5_000, 1_000, 60_000)
    """Five missed pings."""
    end_after_ms: int = _number(15_000, 2_000, 300_000)
    """A caller who was lost is waited for so long, and so long the page tries to come back: time to walk from one
    access point to the next."""
    max_pending_offers: int = _number(8, 1, 256)
    """Offers that are not connected yet, for each worker."""
    turn_url: str = _text(kind="relay_url")
    """Your own TURN server, for callers whose network lets no direct path through; none: pages are given no ICE server."""
    turn_secret: str = _text(secret=True)
    """What that server has as `static-auth-secret`, or "${file:/path}": each caller's credentials expire."""


@dataclass(frozen=True, slots=True)
class Workers:
    """The voice workers: one process per core at most."""

    count: int = _number(1, 1, 64)
    """One serves a small practice; more only help on more cores."""
    calls_per_worker: int = _number(4, 1, 50)
    """Each call with the embedded recogniser takes a decoder process: about half a core while speaking."""
    warm_up_limit_ms: int = _number(180_000, 1_000, 3_600_000)
    """Loading engines; a large model from a slow disk takes minutes."""
    drain_limit_ms: int = _number(30_000, 0, 3_600_000)
    """After SIGTERM calls may finish for so long."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What callers may wait at each stage of a turn, 95 % of the last minute's turns being quicker; 0: not judged.

    While one takes longer, new callers hear that all lines are busy.
    """

    hearing_ms: int = _number(1_200, 0, 60_000)
    """From the pause to the words. After 1.5 s a call takes what was heard so far."""
    thinking_ms: int = _number(1_500, 0, 60_000)
    """From the words to the first of the answer. After 1.5 s a caller is told to wait."""
    speaking_ms: int = _number(1_000, 0, 60_000)
    """From the first clause to its sound. After 1.5 s the spare voice says it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """When a caller is thought to have finished."""

    silence_ms: int = _number(200, 50, 2_000)
    """After words that can end a turn, in `normal`; `fast` waits three quarters of it and `patient` five (row T1)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Turn-taking."""

    profile: str = _one_of("normal", "fast", "normal", "patient")
    """`patient` waits longer at every question, for callers who speak slowly; `fast` at none as long as `normal`."""
    no_input_ms: int = _number(0, 0, 60_000)
    """Silence before a question is asked again; 0: 7 s, and 12 s where the profile is `patient`."""
    voice_threshold_percent: int = _number(50, 5, 95)
    """How sure the detector must be that a sound is speech (row T4): lower and noises interrupt (a slammed door at 30),
    higher and soft voices are missed."""
    dead_air_ms: int = _number(3_000, 1_000, 30_000)
    """With words pending and nobody speaking for so long, the floor acts."""
    endpoint: Endpoint = field(default_factory=Endpoint)


@dataclass(frozen=True, slots=True)
class Engines:
    """What hears, thinks and speaks. Defaults are embedded: no GPU, no download."""

    stt: str = _one_of("pocketsphinx", "pocketsphinx", "whisper")
    tts: str = _one_of("espeak", "espeak", "piper")
    llm: str = _one_of("scripted", "scripted", "openai")
    spares: str = _one_of("on", "on", "off")
    """Whether the embedded engines stand by for Whisper and Piper: one that fails in mid-call is taken over, and tried
    again in the background. 180 MB for each worker where Whisper hears; no processor time before it is needed."""
    whisper_directory: str = _text(kind="directory")
    """A CTranslate2 model; needed for stt = "whisper". Checked against SHA256SUMS where that lies beside it."""
    whisper_language: str = _one_of("en", "en", "es", "detect")
    """"detect": from the first clear speech of each call, English or Spanish, then kept."""
    whisper_device: str = _one_of("auto", "auto", "cpu", "cuda")
    """"auto": the GPU where there is one. 8-bit weights on a CPU, 16-bit on a GPU."""
    whisper_window: str = _one_of("full", "full", "short")
    """"short" encodes the utterance and a second instead of 30 s: many times cheaper on a CPU, and wrong with weights
    that were not trained for it."""
    piper_voice: str = _text(kind="file")
    """A voice's .onnx file, its .onnx.json beside it; needed for tts = "piper"."""
    piper_voice_es: str = _text(kind="file")
    """The same for Spanish, with the sample rate of the English one. No caller hears it yet: `practice.language`."""
    timed: str = _text(kind="timed")
    """No engines at all, for measuring alone: "instant", or a file that says how long each stage takes (docs/bench.md).
    Nobody is understood then. Refused where anybody but this machine could call."""
    pronunciations: str = _text(kind="file")
    """How names and drugs are said, beside the drugs that are shipped: docs/speech-synthesis.md."""
    llm_url: str = _text(kind="model_url")
    """An OpenAI-compatible server on this machine, e.g. http://127.0.0.1:8000/v1, or at an address of `llm_addresses`;
    needed for llm = "openai"."""
    llm_more_urls: tuple[str, ...] = _list(kind="model_url")
    """Further servers with the same model, e.g. one for each GPU: calls are shared out, and one that fails is left."""
    llm_addresses: tuple[str, ...] = _list(kind="private_network")
    """Private networks a model's server may be in, e.g. ["10.20.0.5/32"]; none: this machine alone. The guard and the
    kernel's rules let through what is listed here. Use https, unless the network is inside this machine."""
    llm_ca_file: str = _text(kind="file")
    """A certificate authority of your own for a server that speaks https; none: the system's."""
    llm_dialect: str = _one_of("vllm", "vllm", "plain")
    """"vllm" adds what vLLM understands beyond the common protocol (priority, cache salt, thinking off)."""
    llm_model: str = _text()
    """The model's name at that server; needed for llm = "openai"."""
    llm_api_key: str = _text(secret=True)
    """Sent to `llm_url` alone; as every secret at least 32 characters, or "${file:/path}" to read it from a file."""


@dataclass(frozen=True, slots=True)
class LlmServer:
    """What `wardline models serve` runs: vLLM in an environment of its own, on this machine's loopback."""

    executable: str = _text(kind="any_path")
    """The `vllm` program of its own environment, e.g. /opt/vllm/bin/vllm: its packages do not go together with ours."""
    model_directory: str = _text(kind="any_path")
    """A model's folder: weights, tokenizer, config.json. Nothing is ever downloaded."""
    port: int = _number(8000, 1, 65_535)
    """On 127.0.0.1, as `engines.llm_url` writes it."""
    device: str = _one_of("gpu", "gpu", "cpu")
    """"cpu" is for trying out: no caller waits for a large model on it."""
    memory_percent: int = _number(70, 5, 95)
    """Share of the GPU's memory. The rest is for hearing and speaking on the same card, and the driver's own needs."""
    cache_gib: int = _number(4, 1, 1_024)
    """Memory for conversations in progress, with device = "cpu" alone."""
    context_tokens: int = _number(8_192, 512, 1_048_576)
    """Longest conversation with its answer; a booking takes less than 4,000."""
    sequences: int = _number(32, 1, 1_024)
    """Replies made at the same time; more than calls, since a reply may be begun before the caller has finished."""
    queued: int = _number(16, 0, 4_096)
    """Replies that may wait beside those; the next is refused at once, so that its call goes to the fallback instead of dead air."""
    tool_parser: str = _text("hermes", kind="id")
    """How this family of models writes tool calls; `vllm serve --help=tool-call-parser` lists them."""
    draft: str = _one_of("off", "off", "mtp")
    """"mtp": the model's own heads guess a token ahead; only for models that have them."""
    options: tuple[str, ...] = _list(kind="llm_option")
    """Further options of vLLM, e.g. ["--tensor-parallel-size=2"]; `LLM_OPTIONS` are all that may stand here."""
    start_limit_ms: int = _number(900_000, 1_000, 7_200_000)
    """Reading 60 GB from a disk and compiling for the card takes minutes."""
    drain_limit_ms: int = _number(5_000, 0, 600_000)
    """After SIGTERM replies may finish for so long; a reply takes two or three seconds."""
    restarts: int = _number(5, 0, 1_000)
    """Ends in a row without a good minute between; then the program ends too, and says why."""


@dataclass(frozen=True, slots=True)
class Practice:
    """Who answers: shown on the page and spoken."""

    id: str = _text("practice", kind="id")
    """On every stored row; two practices on one box have two. Never changed afterwards: it is sealed in."""
    name: str = _text("The practice")
    phone: str = _text("212-555-0100", kind="phone")
    """Said and shown when a person is needed."""
    emergency_number: str = _text("911", kind="emergency_number")
    """Said in the greeting; never dialled by the server."""
    language: str = _one_of("en", "en", "es")
    """Of the whole call. The receptionist knows English only: "es" is refused with what is missing."""
    consent: str = _text(
        "An automated assistant answers this call. Your voice is used to book your appointment and is not kept."
    )
    flow_file: str = _text(kind="file")
    """The call flow; none: the one shipped with the package."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which environment this is: data and key of one are refused by every other."""

    name: str = _text("trial", kind="id")
    """Bound into the store and the install key at the first start. "production" also refuses the telephone numbers of
    examples; any other name is yours: "staging", "drill"."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller or one page may use."""

    call_limit_ms: int = _number(900_000, 30_000, 7_200_000)
    """A booking takes three minutes; a forgotten page must not hold a line."""
    tokens_per_minute: int = _number(0, 0, 10_000)
    """Call tokens for one address; 0: 30, and where only this machine can call at least two for each line."""
    calls_per_address: int = _number(0, 0, 3_200)
    """Calls at once from one address; 0: half of all lines, at least two, and where only this machine can call all of
    them. More where many callers share an address: a proxy that is not in `http.trusted_proxies`, a house with one
    connection."""
    pending_per_address: int = _number(0, 0, 256)
    """Offers of one address that are not connected yet; 0: two, and where only this machine can call as many as lines.
    Each holds a line for up to `media.connect_limit_ms`."""


@dataclass(frozen=True, slots=True)
class State:
    """What the server keeps between runs: staff tokens, the local certificate authority."""

    directory: str = _text("var", kind="any_path")
    """`$XDG_STATE_HOME/wardline` when that variable is set, else `var` in the current folder."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Who saw what, in a signed chain of files."""

    directory: str = _text(kind="any_path")
    """None: `audit` in the state directory."""
    keys: str = _text(kind="any_path")
    """The folder of the signing key; none: `keys` in the audit's own. Better on another file system."""
    heads_file: str = _text(kind="any_path")
    """Where the chain stood is appended here each second: on another disk it shows a chain cut back."""
    syslog: str = _text(kind="any_path")
    """The socket of the local syslog, /dev/log; none: heads are not sent there."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What was proven at the start is tested again while the server runs."""

    every_minutes: int = _number(60, 1, 1440)
    """Ways out, outputs and the audit's chain; the store is looked at each minute."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What turn-taking was told and decided, call by call: times, kinds and counts, no word and no sound."""

    keep: str = _one_of("off", "off", "on")
    """For a while, when callers are cut off or wait too long: `wardline replay` shows such a call step by step."""
    days: int = _number(7, 1, 90)
    """Long enough to hear a complaint; then it is removed, also after `keep` was set back."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Who may read `/metrics`: this machine always, and whoever stands here. Numbers of the server, nothing of a caller."""

    networks: tuple[str, ...] = _list(kind="narrow_network")
    """Where Prometheus runs, when it does elsewhere, e.g. ["10.0.0.7/32"]."""
    token: str = _text(secret=True)
    """Whoever shows it (`Authorization: Bearer`) may read from anywhere; at least 32 characters, or "${file:/path}"."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where end-of-call reports go: ids and names of fields, signed. None by default."""

    url: str = _text(kind="webhook_url")
    """https, or http to this machine."""
    addresses: tuple[str, ...] = _list(kind="narrow_network")
    """Networks the receiver may be in; nothing else is connected to, whatever its name resolves to."""
    secret: str = _text(secret=True)
    """Signs each message; at least 32 characters, e.g. from `openssl rand -hex 32`, or "${file:/path}"."""
    ca_file: str = _text(kind="file")
    """A certificate authority of your own; none: the system's."""


@dataclass(frozen=True, slots=True)
class Store:
    """Requests, sealed. SQLite in a file of ours unless `url` names a PostgreSQL."""

    directory: str = _text(kind="any_path")
    """Of the SQLite file; none: `data` in the state directory."""
    url: str = _text(kind="database_url")
    """postgresql://host:port/database, without user and password."""
    user: str = _text(kind="id")
    password_file: str = _text(kind="file")
    """Holds the database user's password on its first line, at least 32 characters."""
    ca_file: str = _text(kind="file")
    """Certificate authority of a database server on another machine."""
    key: str = _one_of("file", "file", "credential", "command", "environment")
    """Where the install key comes from; a file is made at the first start, the others are only read."""
    key_file: str = _text(kind="any_path")
    """None: `keys/install.key` in the state directory."""
    key_credential: str = _text("wardline-key", kind="id")
    """Name of the systemd credential (LoadCredentialEncrypted=)."""
    credentials_directory: str = _text(kind="any_path")
    """Set by systemd in CREDENTIALS_DIRECTORY."""
    key_command: tuple[str, ...] = _list()
    """A program and its arguments that prints the key, e.g. ["pass", "show", "wardline/key"]."""
    key_text: str = _text(secret=True)
    """The key itself: only in the environment, and only for trying out."""
    requests_days: int = _number(90, 1, 3_650)
    """A request is destroyed so long after its call: the office has long called back."""
    logs_days: int = _number(30, 1, 3_650)
    """Operational logs: event files, end-of-call reports, webhook messages that nobody took."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Calls kept as sound, sealed. Off: nothing of a call's sound is ever kept."""

    mode: str = _one_of("off", "off", "ask")
    """"ask": the caller hears the call flow's notice and is recorded after a plain yes only. There is no milder mode:
    the strictest rule, everybody on the line agrees by an act, is good wherever the caller is."""
    directory: str = _text(kind="any_path")
    """Each practice has a folder in it; none: `recordings` in the state directory."""
    kept_as: str = _text("call", kind="class")
    """The class of a new recording; `wardline recordings keep` moves one to another."""
    days: tuple[str, ...] = _list(kind="class_days")
    """How long each class is kept, e.g. ["call 30", "minor 7300"]. No default: the law of the place decides."""
    opt_out: tuple[str, ...] = _list()
    """Further phrases that end a recording, in lower case, e.g. ["off the record"]."""


@dataclass(frozen=True, slots=True)
class Log:
    """Events, one JSON line each."""

    file: str = _text(kind="any_path")
    """Appended to; none: standard error, or `events.jsonl` in the state directory on a terminal."""
    level: str = _one_of("warning", "debug", "info", "warning", "error")
    """The lowest level of a library's record that leaves a `foreign_log` event; our own always do."""
    text: str = _one_of("off", "off", "redacted")
    """Whether a library's sentence may be written once the redactor has been over it. "off" writes none: a redactor
    misses some identifiers, and `check-config` prints its measured miss rate beside this switch."""


@dataclass(frozen=True, slots=True)
class Egress:
    """Whom the server may speak to by itself: nobody, unless listed here."""

    destinations: tuple[str, ...] = _list(kind="destination")
    """"KIND NAME ADDRESS PORTS/TRANSPORT", e.g. "carrier Twilio 203.0.113.0/30 5061/tcp". The in-process guard, the
    kernel's rules (`wardline egress-rules`) and `wardline data-flow` are all made from this list."""
    exposed_without_kernel_guard: str = _one_of("refuse", "refuse", "accept-the-risk")
    """A server that others reach (`config.exposed_by`) starts only where the kernel is found to hold back what is not listed."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Models in checked sets (`wardline bundle`). Only `bundle pull` ever uses an address of these."""

    directory: str = _text(kind="any_path")
    """Where versions lie; none: `models` in the state directory. Name models below its `current`."""
    fingerprints: tuple[str, ...] = _list(kind="fingerprint")
    """The only bundles a start accepts, by the fingerprint of their list; none: any that is as its own list says."""
    mirror: str = _text(kind="mirror_url")
    """Asked instead of the hub, e.g. https://mirror.clinic.example/hub; it must offer the hub's own paths."""
    hosts: tuple[str, ...] = _list(kind="host")
    """Further hosts that the hub or the mirror may send a download on to, e.g. "files.clinic.example:8443"."""
    proxy: str = _text(kind="url")
    """http://proxy.clinic.example:3128; variables of the environment are not asked."""
    ca_file: str = _text(kind="file")
    """Certificate authority of a mirror or an inspecting proxy; none: the system's."""
    token: str = _text(secret=True)
    """For models that are given out by name: sent to the hub or the mirror alone, never on to another host."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it, read once."""

    http: Http = field(default_factory=Http)
    tls: Tls = field(default_factory=Tls)
    media: Media = field(default_factory=Media)
    sip: Sip = field(default_factory=Sip)
    trunk: tuple[Trunk, ...] = _tables(Trunk)
    media_stream: MediaStream = field(default_factory=MediaStream)
    edge: Edge = field(default_factory=Edge)
    workers: Workers = field(default_factory=Workers)
    admission: Admission = field(default_factory=Admission)
    turn: Turn = field(default_factory=Turn)
    engines: Engines = field(default_factory=Engines)
    llm_server: LlmServer = field(default_factory=LlmServer)
    deployment: Deployment = field(default_factory=Deployment)
    practice: Practice = field(default_factory=Practice)
    limits: Limits = field(default_factory=Limits)
    state: State = field(default_factory=State)
    audit: Audit = field(default_factory=Audit)
    checks: Checks = field(default_factory=Checks)
    metrics: Metrics = field(default_factory=Metrics)
    traces: Traces = field(default_factory=Traces)
    webhook: Webhook = field(default_factory=Webhook)
    store: Store = field(default_factory=Store)
    recording: Recording = field(default_factory=Recording)
    transfer: Transfer = field(default_factory=Transfer)
    log: Log = field(default_factory=Log)
    egress: Egress = field(default_factory=Egress)
    bundle: Bundle = field(default_factory=Bundle)
