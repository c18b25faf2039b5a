/**
 * What the live view knows, as plain data: messages of /api/live in, calls out. No DOM, no network;
 * values a colleague revealed are not kept here.
 */

/** Ended calls stay for a glance, not for a shift. */
const ENDED_KEPT_MS = 120_000;
const TURNS_KEPT = 30;

export class Board {
  constructor() {
    /** @type {Map<string, any>} */
    this.calls = new Map();
    this.turns = 0;
    this.interruptions = 0;
    /** @type {number[]} */
    this.replies = [];
  }

  /** @returns {any | null} the call the message is about, or null when it says nothing usable */
  take(message, nowMs) {
    if (typeof message.call_id !== "string") return null;
    // Comes when a store works again, perhaps long after the call has left the board.
    if (message.type === "kept" && !this.calls.has(message.call_id)) return null;
    const call = this.calls.get(message.call_id) ?? this.#open(message.call_id, nowMs);
    if (message.type === "call") {
      call.state = String(message.state);
      call.line = String(message.line ?? "");
      call.forwardedFrom = String(message.forwarded_from ?? "");
      if (Number.isFinite(message.since_s)) call.startedMs = nowMs - message.since_s * 1000;
    } else if (message.type === "turn") this.#turn(call, message);
    else if (message.type === "request") {
      call.fields = Object.keys(message.fields ?? {});
      call.revisions = { ...message.revisions };
      call.complete = Boolean(message.complete);
    } else if (message.type === "kept") call.kept = String(message.kept);
    else if (message.type === "recording") call.recording = String(message.state);
    else if (message.type === "network") call.network = { ...message, troubles: [...(message.troubles ?? [])].map(String) };
    else if (message.type === "urgent") this.#alert(call, String(message.kind ?? "urgent"));
    else if (message.type === "ended") {
      call.state = "ended";
      call.reason = String(message.reason ?? "");
      call.endedMs = nowMs;
    } else return null;
    return call;
  }

  /** A caller who asked for a person may still say something urgent: neither hides the other. */
  #alert(call, kind) {
    if (kind.startsWith("person:")) call.person = kind.slice("person:".length);
    else call.urgent = kind;
  }

  #open(id, nowMs) {
    const call = {
      id, state: "", line: "", forwardedFrom: "", startedMs: nowMs, endedMs: null, reason: "", urgent: null, person: null,
      fields: [], revisions: {}, complete: false, kept: "", recording: "", network: null, turns: [], interruptions: 0,
    };
    this.calls.set(id, call);
    return call;
  }

  #turn(call, { turn, marks_ms: marks, interrupted }) {
    const timed = Object.entries(marks ?? {}).filter(([, ms]) => Number.isFinite(ms));
    const stages = timed.sort((a, b) => a[1] - b[1]).map(([name, ms]) => ({ name, ms }));
    call.turns = [...call.turns.slice(1 - TURNS_KEPT), { turn, stages, interrupted: Boolean(interrupted) }];
    this.turns += 1;
    if (stages.length > 0) this.replies = [...this.replies.slice(-199), stages[stages.length - 1].ms];
    if (!interrupted) return;
    call.interruptions += 1;
    this.interruptions += 1;
  }

  /** @returns {string[]} ids of calls that left the board */
  sweep(nowMs) {
    const old = [...this.calls.values()].filter((call) => call.endedMs !== null && nowMs - call.endedMs > ENDED_KEPT_MS);
    for (const call of old) this.calls.delete(call.id);
    return old.map((call) => call.id);
  }

  get running() {
    return [...this.calls.values()].filter((call) => call.endedMs === null).length;
  }

  /** @returns {number | null} */
  get medianReplyMs() {
    if (this.replies.length === 0) return null;
    return [...this.replies].sort((a, b) => a - b)[Math.floor(this.replies.length / 2)];
  }
}
