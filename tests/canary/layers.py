"""Every layer between a patient's words and a place they may not reach: how it is turned off, and which test notices.

Off means: one line of the source is another one, in a copy. `docs/layers.md` is made from this table
(`python -m tools.make_layers`), `test_layers.py` shows that each line is there, and turns each of them off.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer."""

    name: str
    stops: str
    """What would come out where, without it."""
    file: str
    on: str
    """These characters stand in the file exactly once..."""
    off: str
    """...and with these in their place the layer is off."""
    test: str
    """Fails then."""


_EVENTS = "pipeline/telemetry/events.py"
_FOREIGN = "pipeline/telemetry/foreign.py"
_LOG = "pipeline/telemetry/log.py"
_WORDS = "pipeline/telemetry/words.py"
_REHEARSED = (
    "tests/telemetry/test_canary.py::"
    "test_without_the_gateway_every_way_is_open_and_with_it_only_the_bytes"
)
_PLANTED = "tests/telemetry/test_log.py::test_a_planted_identifier_leaves_by_no_way_at_any_level"
_START = (
    "tests/telemetry/test_canary.py::test_health_shows_the_result_and_its_age_for_every_process"
)
_OUTGOING = "tests/call/test_outgoing.py::"
_TOOLS = "tests/call/test_tools.py::"
_STORE = "tests/store/test_records.py::"

LAYERS = (
    # --- what may be said at all
    Layer(
        "an event declares its fields",
        "a field of words in an event of our own",
        _EVENTS,
        "if str(kind) not in _FIELD_TYPES:",
        "if str(kind) not in _FIELD_TYPES and str(kind) != 'str':",
        "tests/telemetry/test_events.py::test_a_field_that_could_hold_words_does_not_build",
    ),
    Layer(
        "a token is no sentence",
        "a sentence in a field for names",
        _EVENTS,
        "good = isinstance(value, str) and _TOKEN.match(value)",
        "good = isinstance(value, str)",
        "tests/telemetry/test_events.py::test_a_token_never_carries_a_sentence",
    ),
    Layer(
        "a value against its declaration is dropped",
        "a transcript in a field for a number",
        _EVENTS,
        "if kind not in kinds:",
        "if key not in values:",
        "tests/telemetry/test_events.py::test_a_field_against_its_declaration_is_dropped_and_counted",
    ),
    Layer(
        "free text is off",
        "sentences of libraries in the event log",
        _WORDS,
        "_clean(text) if allowed() else (None, None, False)",
        "(Redacted(text), 0, False)",
        "tests/telemetry/test_words.py"
        "::test_off_says_how_long_and_how_many_words_and_asks_no_redactor",
    ),
    Layer(
        "the redactor behind free text",
        "identifiers in the sentences that an operator allowed",
        _WORDS,
        "Redacted(cleaned[:SHOWN_CHARACTERS_MAX])",
        "Redacted(text[:SHOWN_CHARACTERS_MAX])",
        "tests/telemetry/test_words.py::test_redacted_writes_what_the_redactor_left",
    ),
    Layer(
        "a redactor that fails says nothing",
        "the raw sentence when the redactor raised",
        _WORDS,
        "        _gate.failures += 1\n        return None, None, True\n    finally:",
        "        return Redacted(text), 0, False\n    finally:",
        "tests/telemetry/test_words.py"
        "::test_a_redactor_that_does_not_deliver_costs_the_text_and_is_counted",
    ),
    # --- what Python and its libraries would say
    Layer(
        "`logging` is taken over",
        "every message, argument and traceback of every library",
        _FOREIGN,
        "    _take_logging()\n    _take_loguru()",
        "    _take_loguru()",
        _REHEARSED,
    ),
    Layer(
        "handlers without a logger are taken over",
        "records of a queue's listener",
        _FOREIGN,
        "    logging.Handler.handle = handle  # type",
        "    handle  # type",
        "tests/canary/test_small_layers.py::test_a_handler_that_no_logger_asks_is_not_asked_either",
    ),
    Layer(
        "`logging`'s own complaint is taken over",
        "arguments of a record that cannot be formatted",
        _FOREIGN,
        "    logging.Handler.handleError = handle_error  # type",
        "    logging.Handler.handleError = lambda _, record: print(record.args)  # type",
        "tests/canary/test_small_layers.py::test_a_record_that_cannot_be_formatted_is_not_quoted",
    ),
    Layer(
        "the formatter says where, not what",
        "a record whose handler's `emit` is called alone",
        _FOREIGN,
        "    logging.Formatter.format = format_  # type",
        "    format_  # type",
        "tests/canary/test_small_layers.py::test_a_formatter_alone_says_where_and_not_what",
    ),
    Layer(
        "a logger's name is a module or nothing",
        "a logger, task or thread named after a caller",
        _FOREIGN,
        "    while name and name not in sys.modules:",
        "    while False:",
        "tests/canary/test_small_layers.py::test_a_logger_named_after_a_caller_is_another",
    ),
    Layer(
        "an exception's type is of a module or its base",
        "a type that a library makes for what a server answered",
        _FOREIGN,
        "        if found is each:",
        "        if each:",
        "tests/canary/test_small_layers.py"
        "::test_an_exception_whose_type_is_named_after_a_caller_is_of_its_base",
    ),
    Layer(
        "loguru is taken over",
        "transcripts and prompts that Pipecat writes at debug",
        _FOREIGN,
        "    _take_logging()\n    _take_loguru()",
        "    _take_logging()",
        _PLANTED,
    ),
    Layer(
        "`sys.excepthook`",
        "text and cause of an exception nobody caught",
        _FOREIGN,
        "    sys.excepthook = _on_exception\n",
        "",
        _REHEARSED,
    ),
    Layer(
        "`threading.excepthook`",
        "the same in a thread",
        _FOREIGN,
        "    threading.excepthook = _on_thread_exception\n",
        "",
        _REHEARSED,
    ),
    Layer(
        "`sys.unraisablehook`",
        "the same where nothing can be raised",
        _FOREIGN,
        "    sys.unraisablehook = _on_unraisable\n",
        "",
        _REHEARSED,
    ),
    Layer(
        "`warnings`",
        "the text of a warning",
        _FOREIGN,
        "    warnings.showwarning = _on_warning\n",
        "",
        _REHEARSED,
    ),
    Layer(
        "asyncio's last resort",
        "the repr of a task with its arguments",
        _FOREIGN,
        "    asyncio.BaseEventLoop.default_exception_handler = (",
        "    _ = (",
        "tests/canary/test_small_layers.py::test_nothing_of_a_broken_task_is_put_into_words",
    ),
    Layer(
        "a crash is named by type and place",
        "the text of the exception that ended the server",
        "pipeline/commands/serve.py",
        'f"an unexpected {crash.type} at',
        'f"an unexpected {cause} {crash.type} at',
        "tests/commands/test_serve.py::test_what_ends_the_start_is_one_sentence_without_its_text",
    ),
    # --- what is left below Python
    Layer(
        "the guard of the supervisor's own descriptors",
        "prints, C libraries and children of the supervisor",
        "pipeline/telemetry/outputs.py",
        "        os.dup2(write, 1)\n",
        "",
        _START,
    ),
    Layer(
        "the pipe under a worker's descriptors",
        "prints, C libraries and children of a worker",
        "pipeline/supervisor/workers.py",
        "                stdout=output_write,\n",
        "",
        _START,
    ),
    Layer(
        "a line needs its process's nonce",
        "an event that a library or a caller's words imitate",
        "pipeline/supervisor/pipe.py",
        "if not hmac.compare_digest(head, self._prefix):",
        "if not line:",
        "tests/supervisor/test_pipe.py::test_a_forged_or_wordy_line_is_counted_and_not_passed",
    ),
    Layer(
        "the filter of declared events",
        "a field that a worker's event does not declare",
        "pipeline/supervisor/pipe.py",
        "    if undeclared_fields(record, _AROUND):",
        "    if not record:",
        "tests/supervisor/test_pipe.py"
        "::test_a_field_its_event_does_not_declare_makes_the_line_foreign",
    ),
    Layer(
        "children of a worker never learn the nonce",
        "what a recogniser's process writes",
        _LOG,
        'inherited = os.environ.pop(CHILD_VARIABLE, "")',
        'inherited = os.environ.get(CHILD_VARIABLE, "")',
        "tests/telemetry/test_log.py::test_a_child_of_a_worker_never_learns_the_nonce",
    ),
    Layer(
        "no core file",
        "the memory of a process that crashed",
        _LOG,
        "    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n",
        "",
        "tests/telemetry/test_log.py::test_a_process_that_was_taken_over_leaves_no_core_file",
    ),
    Layer(
        "no dump to a program either",
        "the same, by systemd-coredump",
        _LOG,
        "prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)",
        "prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)",
        "tests/canary/test_small_layers.py"
        "::test_the_kernel_hands_no_memory_of_a_taken_over_process_to_anybody",
    ),
    Layer(
        "the canary at the start of the supervisor",
        "all of the above, when a package was changed",
        "pipeline/supervisor/outputs.py",
        "    if not verdict.passed:\n        raise Unsafe",
        "    if False:\n        raise Unsafe",
        "tests/canary/test_small_layers.py::test_a_supervisor_with_a_way_out_does_not_start",
    ),
    Layer(
        "the canary at the start of a worker",
        "the same in a worker",
        "pipeline/supervisor/workers.py",
        "        if not verdict.passed:\n",
        "        if False:\n",
        "tests/telemetry/test_canary.py::test_a_worker_with_a_way_out_stops_the_start_with_78",
    ),
    Layer(
        "no access log",
        "callers' addresses and paths",
        "pipeline/supervisor/server.py",
        "        access_log=None,",
        "        ",
        "tests/telemetry/test_switches.py::test_the_web_server_keeps_no_access_log",
    ),
    Layer(
        "a worker's refusal without its text",
        "an exception of a worker in the page and the log",
        "pipeline/supervisor/channel.py",
        '"internal", "The server failed to answer.", None',
        '"internal", str(error), None',
        "tests/supervisor/test_front.py"
        "::test_what_a_worker_refuses_reaches_the_page_without_its_text",
    ),
    Layer(
        "the start reads its own words",
        "a patient's name in a prompt, a label or a path, and from there in every call",
        "pipeline/supervisor/own_words.py",
        "        kinds |= {span.kind for span in found.spans",
        "        kinds |= {span.kind for span in found.spans[:0]",
        "tests/supervisor/test_own_words.py"
        "::test_row_d21_an_identifier_in_a_prompt_is_named_by_key_line_and_type",
    ),
    # --- what reaches a model, the voice and a tool
    Layer(
        "values of the vault have readers",
        "an identifier in another tool",
        "phi/vault.py",
        "        if reader not in cell.readers:",
        "        if not cell.readers:",
        _TOOLS + "test_row_p12_a_tool_cannot_resolve_what_was_collected_for_another",
    ),
    Layer(
        "the vault is wiped at hang-up",
        "a value in memory after its call",
        "phi/vault.py",
        "        self.value[:] = bytes(len(self.value))",
        "        pass",
        "tests/phi/test_vault.py::test_hanging_up_overwrites_every_buffer",
    ),
    Layer(
        "vault speech is no caption",
        "a spoken birth date on the page, in context and in a model's request",
        "pipeline/call/caller_side.py",
        "        if self._pending.hidden:\n            self._confide(text)\n            return\n",
        "",
        "tests/call/test_vault_call.py"
        "::test_row_p4_vault_speech_is_no_caption_no_context_and_no_request",
    ),
    Layer(
        "the outgoing guard of a model's request",
        "a stored value in a prompt",
        "pipeline/call/outgoing.py",
        "        return replace(request, messages=tuple(messages), alternatives=())",
        "        return request",
        _OUTGOING + "test_rows_p1_x11_no_request_holds_a_stored_value_in_any_form",
    ),
    Layer(
        "the outgoing guard of the voice",
        "a model that repeats a birth date aloud",
        "pipeline/call/outgoing.py",
        "        said = self._voice.clause(clause, self._secrets())",
        "        said = clause",
        _OUTGOING + "test_rows_p5_p7_a_model_that_speaks_values_is_not_heard",
    ),
    Layer(
        "the outgoing guard of a tool's result: declared fields",
        "whatever else a tool knows, in a prompt",
        "phi/guard.py",
        "        for name, kind in self.fields.items():\n            value = result.get(name)",
        "        for name, kind in {n: type(v) for n, v in result.items()}.items():\n"
        "            value = result.get(name)",
        _TOOLS + "test_row_p9_what_the_tool_did_not_declare_does_not_reach_the_model",
    ),
    Layer(
        "the outgoing guard of a tool's result: stored values",
        "an identifier in a declared field",
        "pipeline/call/outgoing.py",
        "                kept[name] = safe.text",
        "                pass",
        "tests/canary/test_small_layers.py::test_a_stored_value_in_a_tool_s_result_is_its_handle",
    ),
    Layer(
        "a tool's failure without its text",
        "an exception of a tool in a prompt",
        "pipeline/call/tools.py",
        '            return self._failed("raised")',
        '            return {"error": __import__("traceback").format_exc()}',
        _TOOLS + "test_row_p8_a_tool_that_raises_quotes_nothing",
    ),
    Layer(
        "a model server's error is a number",
        "a request that a model server quotes in its error",
        "models/openai_llm.py",
        'f"the language model answered with status {response.status}"',
        'f"the language model answered with status {response.status}: {await response.text()}"',
        "tests/models/test_openai_llm.py"
        "::test_an_error_that_quotes_the_request_is_reported_by_its_status_alone",
    ),
    # --- what leaves the machine
    Layer(
        "the guard against connections",
        "anything, to anywhere",
        "pipeline/egress/guard.py",
        "    return any(_fits(place, end) for place in covering)",
        "    return True",
        "tests/egress/test_guard.py"
        "::test_loopback_unix_sockets_and_what_is_listed_work_and_the_rest_is_refused",
    ),
    Layer(
        "the guard against foreign programs",
        "a child that knows no guard",
        "pipeline/egress/programs.py",
        "    if os.fsdecode(program) != sys.executable:\n        return False\n",
        "    return True\n",
        "tests/egress/test_guard.py"
        "::test_raw_sockets_c_names_and_foreign_programs_are_refused_and_our_own_start",
    ),
    Layer(
        "the guard against children that nothing announces",
        "a child of a library, which knows no guard",
        "pipeline/egress/guard.py",
        '        if not listed:\n            _refuse("fork_exec")',
        '        if not listed and not words:\n            _refuse("fork_exec")',
        "tests/egress/test_guard.py"
        "::test_children_of_multiprocessing_are_refused_however_they_are_started",
    ),
    Layer(
        "the guard of local sockets",
        "anything, to another program of this machine that passes it on",
        "pipeline/egress/guard.py",
        "        return _guard.local.lists(address)",
        "        return True",
        "tests/egress/test_guard.py"
        "::test_a_local_socket_is_spoken_to_only_where_it_is_listed_or_our_own",
    ),
    Layer(
        "seccomp in the recogniser's processes",
        "sound and words, from C code",
        "models/offline.py",
        "        (_RETURN, 0, 0, _ERRNO | errno.EACCES),",
        "        (_RETURN, 0, 0, _ALLOW),",
        "tests/models/test_offline.py"
        "::test_neither_python_nor_c_nor_a_child_gets_a_socket_to_a_network",
    ),
    Layer(
        "what a child inherits",
        "keys and passwords of the operator's shell in a worker",
        "pipeline/config.py",
        "if _KEPT_FOR_CHILDREN.match(key)",
        "if key",
        "tests/test_config.py::test_a_child_gets_no_secret_of_the_shell",
    ),
    # --- what is kept
    Layer(
        "the store is sealed",
        "requests in the database, its journal and its copies",
        "phi/envelope.py",
        "    return _VERSION + nonce + AESGCM(key).encrypt(nonce, text, bound)",
        "    return _VERSION + nonce + text + AESGCM(key).encrypt(nonce, text, bound)",
        _STORE + "test_rows_d11_c4_nothing_is_readable_in_database_journal_or_index",
    ),
    Layer(
        "recordings are sealed while they are written",
        "a caller's voice on the disk",
        "pipeline/recording/sealed_file.py",
        "        sealed = self._seal.encrypt(nonce, plain,",
        "        sealed = plain + self._seal.encrypt(nonce, plain,",
        "tests/recording/test_recorder.py"
        "::test_row_r5_no_sound_lies_readable_on_the_disk_at_any_moment",
    ),
    Layer(
        "a field is kept only where its rule says so",
        "what a caller volunteered, in the database",
        "pipeline/store/draft.py",
        "if rules[name].store}",
        "}",
        "tests/canary/test_small_layers.py::test_a_field_to_look_up_by_is_not_kept",
    ),
    Layer(
        "a database's error is a number",
        "a row that a driver quotes",
        "pipeline/store/database.py",
        "else type(cause).__name__\n    return",
        "else str(error)\n    return",
        "tests/canary/test_small_layers.py::test_an_error_of_the_database_quotes_no_row",
    ),
    Layer(
        "an audit record has no room for values",
        "what a caller said, in the audit",
        "pipeline/audit/records.py",
        "            if not fits(shape, getattr(self, name)):",
        "            if not shape:",
        "tests/audit/test_records.py::test_what_could_hold_a_value_does_not_build",
    ),
    Layer(
        "the audit's chain",
        "a record changed afterwards",
        "phi/chain_check.py",
        "            if line[-_SUFFIX_BYTES:] == tail and body.startswith(start):",
        "            if body.startswith(start):",
        "tests/phi/test_chain.py::test_any_changed_byte_is_found",
    ),
    Layer(
        "the audit's signatures",
        "a chain that somebody linked anew",
        "phi/chain_check.py",
        "        elif self.verify(raw, signed):",
        "        elif raw:",
        "tests/phi/test_chain.py"
        "::test_a_past_that_was_linked_anew_without_the_key_fails_at_the_checkpoints",
    ),
    Layer(
        "the live view is masked",
        "values on every open staff page",
        "pipeline/supervisor/live.py",
        "    masked = all(shown in _SHOWN for shown in fields.values())",
        "    masked = True",
        "tests/supervisor/test_live.py::test_what_the_protocol_does_not_name_is_shown_to_nobody",
    ),
    Layer(
        "a label lists its values",
        "an identifier as a series of numbers that anybody who watches may read",
        "pipeline/metrics/tally.py",
        "        yield value if value in known else OTHER",
        "        yield value",
        "tests/metrics/test_tally.py::test_a_value_that_its_label_does_not_list_becomes_other",
    ),
    Layer(
        "a trace names listed questions",
        "a practice's own words in a kept call",
        "pipeline/turn/trace.py",
        "        if isinstance(value, events.Asked) and value.slot not in SLOTS:",
        "        if isinstance(value, events.Asked) and not value.slot:",
        "tests/turn/test_trace.py::test_a_practices_own_question_is_not_named",
    ),
    Layer(
        "names of files are ids of ours",
        "a message, a recording or a path named after a caller",
        "pipeline/webhook/spool.py",
        "        if not _NAME.fullmatch(name):\n            raise",
        "        if not name:\n            raise",
        "tests/webhook/test_deliver.py"
        "::test_a_spooled_message_outlives_the_process_and_a_half_written_one_is_ignored",
    ),
    Layer(
        "names of tasks and threads are constants",
        "a caller's name in `ps` and in a dump of tasks",
        "pipeline/supervisor/host.py",
        'name="channel")',
        "name=repr(channel))",
        "tests/telemetry/test_switches.py::test_tasks_and_threads_are_named_with_constants",
    ),
)
