/**
 * What the caller sees of the softphone: every write to the page's fixed parts happens here, as text,
 * never as markup. It decides nothing about the call: `phone.js` does.
 */

import { Captions } from "/static/captions.js";
import { isHeard } from "/static/phone.js";
import { WORDS } from "/static/stats.js";
import { ENDINGS, PHASE_WORDS, PROBLEMS, SHOW_NUMBER, clock, fieldLabel, telLink } from "/static/words.js";

const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const PANELS = { check: ["check"], opening: ["call"], dialling: ["call"], live: ["call"], reconnecting: ["call"], ended: ["after"] };
const HEADINGS = { idle: "welcome-title", check: "check-title", dialling: "phase", ended: "after-title" };
const CLEAR_AFTER_MS = 120_000;
/** So long without a sound from an open microphone, while it is the caller's turn, earns a hint. */
const RECORDING = { on: "This call is recorded", paused: "Recording paused", off: "Not recorded any more" };
const UNHEARD_MS = 8000;
const SEEN_LEVEL = 0.25;

const UNMEASURED = { rttMs: null, jitterMs: null, lossPercent: null, bufferMs: null };

export class Screen {
  constructor() {
    this.captions = new Captions({ log: byId("captions-log"), drafts: byId("captions-drafts") });
    this.about = { name: "", phone: "", emergency_number: "", consent: "", language: "en", apology: "" };
    this.soundSeenMs = 0;
    this.levelSeen = false;
    this.linesOpen = null;
  }

  /** @param {import("/static/call.js").Call} call */
  bind(call, sound, panels) {
    this.call = call;
    this.sound = sound;
    this.panels = panels;
    const on = (id, event) => byId(id).addEventListener("click", () => call.dispatch(event));
    on("call-button", { type: "callPressed" });
    on("again", { type: "callPressed" });
    on("consent-call", { type: "consentGiven" });
    on("consent-check", { type: "consentGiven", check: true });
    on("consent-type", { type: "consentGiven", typing: true });
    on("consent-no", { type: "consentRefused" });
    on("check-call", { type: "checkPassed" });
    on("check-cancel", { type: "hangUp" });
    on("hang-up", { type: "hangUp" });
    on("mute", { type: "muteToggled" });
    on("clear", { type: "cleared" });
    on("problem-close", { type: "problemSeen" });
    byId("problem-type").addEventListener("click", () => this.#typeInstead());
    byId("consent").addEventListener("cancel", () => call.dispatch({ type: "consentRefused" }));
    byId("help-open").addEventListener("click", () => dialog("help").showModal());
    byId("help-close").addEventListener("click", () => dialog("help").close());
    byId("captions-toggle").addEventListener("click", () => this.#toggleCaptions());
    byId("typing").addEventListener("submit", (event) => this.#sendTyped(event));
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => this.#clearLater());
    requestAnimationFrame(() => this.#draw());
    this.#insecure();
  }

  // --- before the call ---

  practice(about) {
    this.about = { ...this.about, ...about };
    const { name, phone, emergency_number: emergency, consent, language } = this.about;
    for (const place of document.querySelectorAll('[data-practice="name"]')) place.textContent = name;
    for (const place of document.querySelectorAll('[data-practice="phone"]')) telephone(place, phone);
    byId("or-telephone").hidden = !phone;
    telephone(byId("emergency"), emergency);
    byId("emergency-dial").hidden = !emergency;
    byId("emergency-plain").hidden = Boolean(emergency);
    byId("consent-text").textContent = consent;
    byId("captions").lang = language;
    document.title = `Call ${name}`;
  }

  /** @param {{ready: boolean, freeLines: number} | null} health */
  lines(health) {
    this.linesOpen = Boolean(health?.ready && health.freeLines > 0);
    const words = health === null ? "No answer from the server" : !health.ready ? "Starting up" : this.linesOpen ? "Lines are free" : "All lines are busy";
    byId("lines").dataset.good = String(this.linesOpen);
    if (byId("lines-words").textContent !== words) byId("lines-words").textContent = words;
    this.#checks();
  }

  #insecure() {
    if (globalThis.isSecureContext && navigator.mediaDevices) return;
    this.#problem({ kind: "insecure" });
  }

  #checks() {
    if (!this.call) return;
    mark("check-secure", globalThis.isSecureContext);
    mark("check-lines", this.linesOpen);
    mark("check-microphone", this.call.phone.stage === "check" && this.sound.microphone !== null);
    mark("check-level", this.levelSeen);
  }

  // --- state ---

  changed(phone, before) {
    const { stage } = phone;
    document.body.dataset.stage = stage;
    document.body.dataset.phase = stage === "live" ? phone.phase : stage;
    const shown = PANELS[stage] ?? ["welcome"];
    for (const id of ["welcome", "check", "call", "after"]) byId(id).hidden = !shown.includes(id);
    toggleDialog("consent", stage === "consent");
    this.#problem(phone.problem);
    if (stage !== before.stage) this.#entered(phone, before);
    if (stage !== "idle" && stage !== "ended") this.#phase(phone);
    this.#microphone(phone);
  }

  #entered({ stage, ending }, before) {
    if (stage === "check" || stage === "live") void this.panels.listDevices();
    if (stage === "check") this.levelSeen = false;
    this.#checks();
    if (stage === "ended") this.#ended(ending);
    if (stage === "live" && before.stage === "dialling") {
      this.soundSeenMs = performance.now();
      byId("hint").textContent = "";
    }
    if (stage === "reconnecting") this.quality(0, UNMEASURED);
    this.#clearLater();
    const heading = stage === "consent" || before.stage === "consent" && stage === "idle" ? null : HEADINGS[stage];
    if (heading) byId(heading).focus({ preventScroll: false });
  }

  #phase(phone) {
    const [headline, hint] = PHASE_WORDS[phone.stage === "live" ? phone.phase : phone.stage] ?? ["", ""];
    byId("phase").textContent = headline;
    const unheard = phone.stage === "live" && phone.phase === "listening" && !isHeard(phone);
    byId("phase-hint").textContent = unheard ? "Type your answer or use the keypad." : hint;
    const status = phone.stage === "live" && phone.phase !== "listening" ? "Connected" : headline;
    if (byId("phase-status").textContent !== status) byId("phase-status").textContent = status;
  }

  #microphone(phone) {
    const heard = isHeard(phone);
    const mute = byId("mute");
    mute.setAttribute("aria-pressed", String(phone.muted));
    mute.querySelector("use")?.setAttribute("href", `/static/icons.svg#${phone.muted ? "mic-off" : "mic"}`);
    /** @type {HTMLElement} */ (mute.querySelector("span")).textContent = phone.muted ? "Unmute" : "Mute";
    mute.hidden = phone.typing;
    byId("hold").hidden = !phone.muted || phone.typing;
    byId("hold").classList.toggle("holding", phone.holding);
    byId("call-level").hidden = phone.typing;
    document.body.dataset.microphone = heard ? "open" : "shut";
    if (phone.muted) byId("hint").textContent = heard ? "Microphone open while you hold" : "Your microphone is off";
    else if (byId("hint").textContent?.includes("icrophone")) byId("hint").textContent = "";
    if (!heard) this.soundSeenMs = performance.now();
  }

  #problem(problem) {
    byId("problem").hidden = !problem;
    if (!problem) return;
    const [title, advice] = PROBLEMS[problem.kind] ?? PROBLEMS.unknown;
    const wait = problem.retryAfterS ? ` Try again in ${problem.retryAfterS} seconds.` : "";
    byId("problem-title").textContent = title;
    byId("problem-text").textContent = (problem.message ? `${problem.message}${wait}` : advice).trim();
    byId("problem-type").hidden = !["insecure", "denied", "missing", "taken", "unknown"].includes(problem.kind);
  }

  #typeInstead() {
    this.call.dispatch({ type: "problemSeen" });
    this.call.dispatch({ type: "callPressed" });
    byId("consent-type").focus();
  }

  #ended(ending) {
    const [title, text] = ENDINGS[ending] ?? ENDINGS.error;
    const { phone, apology } = this.about;
    byId("after-title").textContent = title;
    byId("after-text").textContent = text;
    byId("after-apology").hidden = !(ending === "worker_lost" && apology);
    byId("after-apology").textContent = ending === "worker_lost" ? apology : "";
    byId("after-number").hidden = !(phone && SHOW_NUMBER.has(ending));
    telephone(byId("after-number"), phone);
    const place = byId("after-request");
    const fields = byId("request-fields").childElementCount > 0;
    place.replaceChildren(...(fields ? [byId("request-panel").cloneNode(true)] : []));
    for (const copy of place.querySelectorAll("[id]")) copy.removeAttribute("id");
    for (const copy of place.querySelectorAll("[aria-labelledby]")) copy.removeAttribute("aria-labelledby");
  }

  #clearLater() {
    clearTimeout(this.clearing);
    if (this.call?.phone.stage !== "ended") return;
    this.clearing = setTimeout(() => this.call.dispatch({ type: "cleared" }), CLEAR_AFTER_MS);
  }

  // --- during the call ---

  message(message) {
    if (message.type === "caption") this.captions.show(message);
    else if (message.type === "request") this.#request(message);
    else if (message.type === "urgent") this.#urgent(message);
    else if (message.type === "recording") this.#recording(String(message.value));
  }

  #request({ fields, complete }) {
    const list = byId("request-fields");
    const rows = new Map([...list.children].map((row) => [/** @type {HTMLElement} */ (row).dataset.field, row]));
    for (const [key, row] of rows) {
      if (!(key in (fields ?? {}))) row.remove(); // withdrawn: the message holds all that the request has
    }
    for (const [key, value] of Object.entries(fields ?? {})) {
      const row = rows.get(key) ?? list.appendChild(fieldRow(key));
      const place = /** @type {HTMLElement} */ (row.querySelector("dd"));
      const text = value === null ? "" : String(value);
      if (place.textContent === text) continue;
      place.textContent = text;
      row.classList.toggle("filled", text !== "");
    }
    byId("request-empty").hidden = list.childElementCount > 0;
    byId("request-done").hidden = !complete;
    byId("request-panel").classList.toggle("complete", Boolean(complete));
  }

  #urgent({ text, number }) {
    byId("urgent-text").textContent = String(text);
    telephone(byId("urgent-number"), String(number ?? ""));
    byId("urgent").hidden = false;
    byId("urgent").scrollIntoView({ block: "nearest" });
  }

  /** Once a call is recorded the caller always sees whether it still is. @param {string} value "on", "paused" or "off" */
  #recording(value) {
    const chip = byId("recording");
    chip.hidden = !(value in RECORDING);
    chip.dataset.recording = value;
    byId("recording-word").textContent = RECORDING[value] ?? "";
  }

  quality(bars, sample) {
    const holder = /** @type {HTMLElement} */ (byId("quality").querySelector(".bars"));
    holder.dataset.bars = String(bars);
    byId("quality-word").textContent = bars ? `Line: ${WORDS[bars].toLowerCase()}` : "Measuring the line";
    const ms = (value) => (value === null ? "–" : `${Math.round(value)} ms`);
    byId("stat-rtt").textContent = ms(sample.rttMs);
    byId("stat-jitter").textContent = ms(sample.jitterMs);
    byId("stat-buffer").textContent = ms(sample.bufferMs);
    byId("stat-loss").textContent = sample.lossPercent === null ? "–" : `${sample.lossPercent.toFixed(1)} %`;
  }

  #draw() {
    requestAnimationFrame(() => this.#draw());
    const { phone } = this.call;
    if (!["check", "live"].includes(phone.stage)) return;
    const { near, far } = this.sound.levels();
    const heard = isHeard(phone) ? near : 0;
    byId("orb").style.setProperty("--near", heard.toFixed(3));
    byId("orb").style.setProperty("--far", (phone.phase === "speaking" || phone.phase === "greeting" ? far : 0).toFixed(3));
    for (const meter of document.querySelectorAll('[data-level="near"]')) {
      /** @type {HTMLElement} */ (meter).style.setProperty("--level", heard.toFixed(3));
    }
    this.#secondHand(phone, heard);
  }

  #secondHand(phone, heard) {
    const nowMs = performance.now();
    if (heard > SEEN_LEVEL) {
      this.soundSeenMs = nowMs;
      if (byId("hint").dataset.unheard) this.#hint("");
      if (phone.stage === "check" && !this.levelSeen) {
        this.levelSeen = true;
        this.#checks();
      }
    }
    if (nowMs - (this.drawnMs ?? 0) < 250) return;
    this.drawnMs = nowMs;
    for (const meter of document.querySelectorAll('[data-level="near"]')) {
      meter.setAttribute("aria-valuenow", String(Math.round(heard * 100)));
    }
    if (phone.stage !== "live") return;
    byId("timer").textContent = clock(nowMs - this.call.startedMs);
    if (phone.phase !== "listening") this.soundSeenMs = nowMs;
    if (!phone.typing && !phone.muted && nowMs - this.soundSeenMs > UNHEARD_MS) {
      this.#hint("We cannot hear you. Is the right microphone chosen under Devices?");
    }
  }

  #hint(text) {
    const place = byId("hint");
    if (place.textContent === text) return;
    place.textContent = text;
    if (text) place.dataset.unheard = "yes";
    else delete place.dataset.unheard;
  }

  #toggleCaptions() {
    const button = byId("captions-toggle");
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    byId("captions").hidden = !on;
    byId("captions-off").hidden = on;
  }

  #sendTyped(event) {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (byId("typed"));
    const text = field.value.trim();
    if (!text || !this.call.send({ type: "typed", text })) return;
    this.captions.showTyped(text);
    field.value = "";
  }

  /** Nothing of a call stays on the screen or in a field. */
  forget() {
    this.captions.clear();
    this.panels.clear();
    byId("request-fields").replaceChildren();
    byId("after-request").replaceChildren();
    this.#request({ fields: {}, complete: false });
    byId("urgent").hidden = true;
    byId("urgent-text").textContent = "";
    this.#recording("");
    byId("hint").textContent = "";
    byId("timer").textContent = "0:00";
    this.quality(0, UNMEASURED);
  }
}

const dialog = (id) => /** @type {HTMLDialogElement} */ (document.getElementById(id));

function toggleDialog(id, open) {
  const box = dialog(id);
  if (open && !box.open) box.showModal();
  if (!open && box.open) box.close();
}

function mark(id, good) {
  const row = byId(id);
  row.dataset.good = String(Boolean(good));
  /** @type {HTMLElement} */ (row.querySelector(".check-word")).textContent = good ? "Yes" : "Not yet";
}

function telephone(place, number) {
  place.textContent = number;
  place.href = telLink(number ?? "");
}

function fieldRow(key) {
  const row = document.createElement("div");
  row.dataset.field = key;
  const term = document.createElement("dt");
  term.textContent = fieldLabel(key);
  row.append(term, document.createElement("dd"));
  return row;
}
