/** One call of the live view as a card. Values are masked; a revealed one is masked again by itself, and when it changes. */

import { clock, fieldLabel } from "/static/words.js";
import { networkWords, rollingWords } from "/static/network.js";
import { tag, waterfall } from "/static/waterfall.js";

/** Long enough to write a number down, short enough for a screen in a corridor. */
const REVEALED_MS = 20_000;
const MASK = "••••••";

const STATES = { greeting: "Greeting", connecting: "Connecting to a person", listening: "Listening", thinking: "Thinking", speaking: "Speaking", ended: "Ended", reconnecting: "Reconnecting" };

/** What is wrong with keeping the request; nothing is said while all is well. */
const KEPT = {
  waiting: ". NOT STORED YET: the store does not work; note it down.",
  lost: ". NOT STORED: note it down now.",
};

/** Said of a number that the practice has no name for. */
const NO_LINE = ["", "other", "none"];

const RECORDING = { on: "Recorded", paused: "Recording paused", off: "Recording ended", destroyed: "Recording destroyed", lost: "Recording failed" };

export class Card {
  /** @param {string} id @param {(field: string) => Promise<string>} reveal */
  constructor(id, reveal) {
    this.reveal = reveal;
    this.root = document.createElement("article");
    this.root.className = "panel card";
    this.root.dataset.call = id;
    this.title = document.createElement("h2");
    this.title.textContent = `Call ${id.slice(-6)}`;
    this.state = tag("");
    this.recording = tag("");
    this.recording.hidden = true;
    this.line = document.createElement("p");
    this.line.className = "small card-line";
    this.line.hidden = true;
    this.time = document.createElement("span");
    this.time.className = "card-time";
    const head = document.createElement("div");
    head.className = "card-head";
    head.append(this.title, this.state, this.recording, this.time);
    this.urgent = document.createElement("p");
    this.urgent.className = "card-urgent";
    this.urgent.hidden = true;
    this.network = document.createElement("p");
    this.network.className = "card-network";
    this.network.setAttribute("role", "status");
    this.network.hidden = true;
    this.fields = document.createElement("dl");
    this.fields.className = "card-fields";
    this.turns = document.createElement("div");
    this.turns.className = "turns";
    this.rolling = document.createElement("p");
    this.rolling.className = "small card-rolling";
    this.requestTitle = document.createElement("h3");
    this.turnsTitle = document.createElement("h3");
    this.root.append(head, this.line, this.urgent, this.network, this.requestTitle, this.fields, this.turnsTitle, this.rolling, this.turns);
    /** @type {Set<number>} */
    this.timers = new Set();
    this.drawn = null;
  }

  /** @param {any} call a call of the board */
  show(call) {
    this.state.textContent = STATES[call.state] ?? call.state;
    this.state.dataset.state = call.state;
    this.recording.hidden = !(call.recording in RECORDING);
    this.recording.textContent = RECORDING[call.recording] ?? "";
    this.recording.dataset.recording = call.recording;
    this.line.textContent = lineWords(call);
    this.line.hidden = this.line.textContent === "";
    this.root.classList.toggle("ended", call.endedMs !== null);
    this.root.classList.toggle("is-urgent", Boolean(call.urgent));
    this.urgent.hidden = !call.urgent && !call.person;
    this.urgent.textContent = alertWords(call);
    this.#network(call);
    this.requestTitle.textContent = (call.complete ? "Request, complete" : "Request so far") + (KEPT[call.kept] ?? "");
    this.requestTitle.dataset.kept = call.kept;
    this.turnsTitle.textContent = `Turns, ${call.interruptions} interrupted`;
    for (const row of [...this.fields.children]) {
      if (!call.fields.includes(/** @type {HTMLElement} */ (row).dataset.field)) row.remove();
    }
    for (const field of call.fields) this.#field(field, Number(call.revisions[field] ?? 0));
    const last = call.turns[call.turns.length - 1] ?? null;
    if (last === this.drawn) return;
    this.drawn = last;
    this.turns.replaceChildren(...call.turns.slice(-3).reverse().map(waterfall));
  }

  /** Said once: a figure that moves is not read out again. */
  #network(call) {
    const bad = call.endedMs === null && call.network !== null ? call.network.troubles.join() : "";
    if (bad !== (this.network.dataset.bad ?? "")) {
      this.network.dataset.bad = bad;
      this.network.textContent = bad ? networkWords(call.network) : "";
      this.network.hidden = this.network.textContent === "";
    }
    this.rolling.textContent = rollingWords(call.network);
  }

  /** @param {any} call @param {number} nowMs */
  tick(call, nowMs) {
    this.time.textContent = clock((call.endedMs ?? nowMs) - call.startedMs);
  }

  #field(field, revision) {
    const known = [...this.fields.children].find((row) => /** @type {HTMLElement} */ (row).dataset.field === field);
    if (known) return changed(/** @type {HTMLElement} */ (known), field, revision);
    const row = document.createElement("div");
    row.dataset.field = field;
    row.dataset.revision = String(revision);
    const term = document.createElement("dt");
    term.textContent = fieldLabel(field);
    const place = document.createElement("dd");
    const value = document.createElement("span");
    const button = document.createElement("button");
    mask(value, button, field);
    button.type = "button";
    button.className = "button quiet reveal";
    button.addEventListener("click", () => void this.#toggle(row, value, button));
    place.append(value, button);
    row.append(term, place);
    this.fields.append(row);
  }

  async #toggle(row, value, button) {
    const { field, revision } = row.dataset;
    if (button.dataset.shown) return mask(value, button, field);
    button.disabled = true;
    try {
      const found = await this.reveal(field);
      if (row.dataset.revision !== revision) return; // corrected while it was on its way
      value.textContent = found;
      button.textContent = "Hide";
      button.setAttribute("aria-label", `Hide ${fieldLabel(field)}`);
      button.dataset.shown = "yes";
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        if (row.dataset.revision === revision) mask(value, button, field);
      }, REVEALED_MS);
      this.timers.add(timer);
    } catch (error) {
      value.textContent = error instanceof Error ? error.message : "Not available";
    } finally {
      button.disabled = false;
      button.focus();
    }
  }

  remove() {
    for (const timer of this.timers) clearTimeout(timer);
    this.root.replaceChildren();
    this.root.remove();
  }
}

/** The caller said another value: one that was revealed is not it any more. */
function changed(row, field, revision) {
  if (row.dataset.revision === String(revision)) return;
  row.dataset.revision = String(revision);
  mask(row.querySelector("dd span"), row.querySelector(".reveal"), field);
}

function mask(value, button, field) {
  value.textContent = MASK;
  button.textContent = "Reveal";
  button.setAttribute("aria-label", `Reveal ${fieldLabel(field)}`);
  delete button.dataset.shown;
}

/** @param {any} call a call of the board; @returns {string} which of the practice's numbers was dialled; nothing where it has named none */
export function lineWords(call) {
  const dialled = NO_LINE.includes(call.line) ? "" : `To ${spoken(call.line)}`;
  if (!call.forwardedFrom || call.forwardedFrom === "none") return dialled;
  const from = NO_LINE.includes(call.forwardedFrom) ? "Forwarded" : `Forwarded from ${spoken(call.forwardedFrom)}`;
  return dialled ? `${dialled}. ${from}.` : `${from}.`;
}

function spoken(name) {
  return name.replaceAll("-", " ");
}

/** @param {any} call a call of the board; @returns {string} what staff must do about it */
export function alertWords(call) {
  if (call.urgent) return `Urgent: ${call.urgent.replaceAll("_", " ")}. Call this patient back now.`;
  return call.person ? "This caller wants a person." : "";
}
