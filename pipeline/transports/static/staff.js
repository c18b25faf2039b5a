/**
 * Entry of the live view: the token, the stream, the lock. The token comes from the link's fragment
 * (which no server or log sees) or the field, leaves the address bar at once, and lives in memory only.
 */

import * as api from "/static/api.js";
import { Board } from "/static/board.js";
import { Card } from "/static/cards.js";
import { EmergencySwitch } from "/static/emergency.js";

const IDLE_LIMIT_MS = 15 * 60_000;
/** The server counts the same 15 minutes by what it is asked: a touch reaches it within this time. */
const ACTIVE_EVERY_MS = 60_000;
const RETRY_MS = [500, 1000, 2000, 5000];
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

class LiveView {
  constructor() {
    this.token = "";
    this.board = new Board();
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    this.switch = new EmergencySwitch((paused, reason) => api.emergency(this.token, paused, reason));
    this.touchedMs = performance.now();
    this.toldMs = this.touchedMs;
    byId("gate-form").addEventListener("submit", (event) => this.#entered(event));
    byId("lock").addEventListener("click", () => this.lock("Locked. Enter your staff token to go on."));
    for (const name of ["pointerdown", "pointermove", "keydown", "scroll"]) {
      addEventListener(name, () => this.#touched(), { passive: true });
    }
    addEventListener("pagehide", () => this.lock("Locked."));
    addEventListener("hashchange", () => this.fromLink());
    setInterval(() => this.#tick(), 1000);
  }

  fromLink() {
    const token = plain(location.hash.slice(1)).replace(/^token=/, "");
    if (location.hash) history.replaceState(null, "", location.pathname);
    if (token) void this.open(token);
  }

  #entered(event) {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (byId("token"));
    const token = field.value.trim();
    field.value = "";
    if (token) void this.open(token);
  }

  /** @param {string} token */
  async open(token) {
    this.lock("");
    this.token = token;
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.#link(null, "Connecting");
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await api.stream("/api/live", token, (message) => this.#message(message), signal, () => {
          attempt = 0;
          this.#opened();
        });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof api.Refused && [401, 403].includes(error.status)) {
          return this.lock("", refusedWords(error));
        }
      }
      if (signal.aborted) return;
      this.#link(false, "Connection lost, trying again");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]));
    }
  }

  #opened() {
    // the server sends what is going on now; what was known before the gap may be stale
    const again = !byId("board").hidden;
    this.#wipe();
    document.body.dataset.stage = "open";
    byId("gate").hidden = true;
    byId("board").hidden = false;
    byId("lock").hidden = false;
    this.#touched();
    this.toldMs = this.touchedMs;
    this.#link(true, "Live");
    if (!again) byId("board-title").focus();
    this.#figures();
  }

  /** Forget the token and everything shown. */
  lock(words, error = "") {
    this.stop?.abort();
    this.token = "";
    this.#wipe();
    document.body.dataset.stage = "locked";
    byId("gate").hidden = false;
    byId("board").hidden = true;
    byId("lock").hidden = true;
    if (words) byId("gate-text").textContent = words;
    byId("gate-error").textContent = error;
    this.#link(null, "Locked");
  }

  #wipe() {
    for (const card of this.cards.values()) card.remove();
    this.cards.clear();
    this.board = new Board();
    this.switch.wipe();
    byId("alarm").replaceChildren();
  }

  #message(message) {
    if (message.type === "signed_out") return this.lock("", signedOutWords(message.reason));
    if (message.type === "emergency") return this.switch.show(message);
    const before = this.board.calls.get(message.call_id);
    const [wasUrgent, wasPerson] = [before?.urgent ?? null, before?.person ?? null];
    const call = this.board.take(message, performance.now());
    if (!call) return;
    let card = this.cards.get(call.id);
    if (!card) {
      card = new Card(call.id, async (field) => (await api.reveal(this.token, call.id, field)).value ?? "Nothing yet");
      this.cards.set(call.id, card);
      byId("calls").prepend(card.root);
    }
    card.show(call);
    card.tick(call, performance.now());
    if (call.urgent !== wasUrgent) this.#alarm(call, card, `Urgent: call ${call.id.slice(-6)}, ${call.urgent.replaceAll("_", " ")}.`);
    else if (call.person !== wasPerson) this.#alarm(call, card, `Call ${call.id.slice(-6)} wants a person.`);
    this.#figures();
  }

  #alarm(call, card, words) {
    byId("calls").prepend(card.root);
    const line = document.createElement("p");
    line.className = "alarm-line";
    line.textContent = words;
    const seen = document.createElement("button");
    seen.type = "button";
    seen.className = "button";
    seen.textContent = "Seen";
    seen.addEventListener("click", () => line.remove());
    line.append(seen);
    byId("alarm").append(line);
  }

  #figures() {
    const median = this.board.medianReplyMs;
    byId("figure-calls").textContent = String(this.board.running);
    byId("figure-turns").textContent = String(this.board.turns);
    byId("figure-interruptions").textContent = String(this.board.interruptions);
    byId("figure-reply").textContent = median === null ? "–" : `${Math.round(median)} ms`;
    byId("empty").hidden = this.board.calls.size > 0;
  }

  #link(good, words) {
    if (good === null) delete byId("link").dataset.good;
    else byId("link").dataset.good = String(good);
    byId("link-words").textContent = words;
  }

  #touched() {
    this.touchedMs = performance.now();
  }

  #tick() {
    const nowMs = performance.now();
    if (this.token && nowMs - this.touchedMs > IDLE_LIMIT_MS) {
      this.lock("", signedOutWords("idle"));
      byId("token").focus();
    }
    if (this.token && this.touchedMs > this.toldMs && nowMs - this.toldMs >= ACTIVE_EVERY_MS) {
      this.toldMs = nowMs;
      // refused or unreached: the stream says which
      api.active(this.token).catch(() => undefined);
    }
    for (const id of this.board.sweep(nowMs)) {
      this.cards.get(id)?.remove();
      this.cards.delete(id);
    }
    for (const [id, card] of this.cards) card.tick(this.board.calls.get(id), nowMs);
    if (this.token) this.#figures();
  }
}

/** @param {string} fragment as it stands in the link; one that is broken on the way is taken as it is */
function plain(fragment) {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function signedOutWords(reason) {
  if (reason === "idle") return "Signed out after 15 minutes without a touch. Ask for a new link: wardline token.";
  return "This token has expired or was revoked. Ask for a new one: wardline token.";
}

function refusedWords(error) {
  if (error.status === 401 && error.message.includes("15 minutes")) return signedOutWords("idle");
  if (error.status === 401) return "This token is unknown, expired or revoked. Ask for a new one: wardline token.";
  return error.message || "This token may not see the live view.";
}

const view = new LiveView();
view.fromLink();
void api.practice().then(({ name }) => {
  for (const place of document.querySelectorAll('[data-practice="name"]')) place.textContent = name;
}, () => undefined);
