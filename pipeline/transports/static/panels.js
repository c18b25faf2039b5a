/**
 * The softphone's small instruments: keypad, device pickers, shortcuts, typed answers. Each turns a
 * touch or a key into a message or an event; none of them knows what state the call is in.
 */

const KEYS = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"],
  ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"],
  ["*", ""], ["0", "person"], ["#", ""],
];
const KEY_NAMES = { "*": "star", "#": "hash" };

const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

export class Panels {
  /** @param {import("/static/call.js").Call} call @param {import("/static/audio.js").Sound} sound */
  constructor(call, sound) {
    this.call = call;
    this.sound = sound;
    this.pressed = 0;
    this.lastKeys = "";
    this.#keypad();
    this.#pickers();
    this.#disclosure("keypad-toggle", "keypad");
    this.#disclosure("devices-toggle", "devices");
    this.#disclosure("quality", "quality-detail");
    this.#hold();
    addEventListener("keydown", (event) => this.#keyDown(event));
    addEventListener("keyup", (event) => event.code === "Space" && this.#release());
    addEventListener("blur", () => this.#release());
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.listDevices());
  }

  /** Press one key of the dial pad. @param {string} key */
  press(key) {
    if (!this.call.send({ type: "dtmf", key })) return;
    this.pressed += 1;
    this.lastKeys = (this.lastKeys + key).slice(-2);
    // a callback number is shown by its last two digits only, here as everywhere
    this.shown.textContent = "•".repeat(Math.min(12, Math.max(0, this.pressed - 2))) + this.lastKeys;
    const button = this.buttons.get(key);
    button?.classList.add("pressed");
    setTimeout(() => button?.classList.remove("pressed"), 140);
  }

  clear() {
    this.pressed = 0;
    this.lastKeys = "";
    this.shown.textContent = "";
    /** @type {HTMLInputElement} */ (byId("typed")).value = "";
    for (const id of ["keypad", "devices", "quality-detail"]) byId(id).hidden = true;
    for (const id of ["keypad-toggle", "devices-toggle", "quality"]) {
      byId(id).setAttribute("aria-expanded", "false");
    }
  }

  #keypad() {
    const pad = byId("keypad");
    this.shown = document.createElement("output");
    this.shown.className = "keypad-shown";
    this.shown.setAttribute("aria-label", "Keys pressed");
    pad.append(this.shown);
    /** @type {Map<string, HTMLElement>} */
    this.buttons = new Map();
    for (const [key, letters] of KEYS) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "key";
      button.dataset.key = key;
      button.setAttribute("aria-label", letters === "person" ? "0, a person" : (KEY_NAMES[key] ?? key));
      const small = document.createElement("small");
      small.textContent = letters;
      button.append(key, small);
      button.addEventListener("click", () => this.press(key));
      this.buttons.set(key, button);
      pad.append(button);
    }
  }

  #disclosure(buttonId, panelId) {
    const button = byId(buttonId);
    button.addEventListener("click", () => {
      const panel = byId(panelId);
      panel.hidden = !panel.hidden;
      button.setAttribute("aria-expanded", String(!panel.hidden));
      if (panelId === "devices" && !panel.hidden) void this.listDevices();
    });
  }

  #hold() {
    const hold = byId("hold");
    hold.addEventListener("pointerdown", () => this.call.dispatch({ type: "holdStarted" }));
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
      hold.addEventListener(name, () => this.#release());
    }
    hold.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.repeat) this.call.dispatch({ type: "holdStarted" });
    });
    hold.addEventListener("keyup", () => this.#release());
    hold.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  #release() {
    this.call.dispatch({ type: "holdEnded" });
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog, input, select")) return;
    if (!(/** @type {HTMLInputElement} */ (byId("shortcuts")).checked)) return;
    if (event.code === "Space") {
      // a focused button keeps its own space bar; the hold button's is the same thing
      if (target.closest("button, a, summary") && target.id !== "hold") return;
      if (this.call.phone.stage === "live") event.preventDefault();
      if (!event.repeat) this.call.dispatch({ type: "holdStarted" });
      return;
    }
    if (event.repeat) return;
    this.#shortcut(event);
  }

  #shortcut(event) {
    const { stage } = this.call.phone;
    const key = event.key.toLowerCase();
    if (key === "?") byId("help-open").click();
    else if (key === "m") this.call.dispatch({ type: "muteToggled" });
    else if (key === "c" && (stage === "idle" || stage === "ended")) this.call.dispatch({ type: "callPressed" });
    else if (key === "h") this.call.dispatch({ type: "hangUp" });
    else if (key === "t" && stage === "live") {
      event.preventDefault();
      byId("typed").focus();
    } else if (/^[0-9*#]$/.test(key) && stage === "live") this.press(key);
  }

  // --- devices ---

  #pickers() {
    this.pickers = [...document.querySelectorAll("[data-devices]")].map((place, index) => {
      const microphone = picker(place, `microphone-${index}`, "Microphone");
      const speaker = picker(place, `speaker-${index}`, "Speaker");
      microphone.addEventListener("change", () => void this.call.useMicrophone(microphone.value));
      speaker.addEventListener("change", () => void this.sound.useSpeaker(speaker.value));
      return { microphone, speaker };
    });
  }

  async listDevices() {
    const { microphones, speakers } = await this.sound.devices();
    for (const { microphone, speaker } of this.pickers ?? []) {
      fill(microphone, microphones, this.call.microphoneId, "Microphone");
      fill(speaker, speakers, this.sound.speaker, "Speaker");
      const useless = !this.sound.canChooseSpeaker || speakers.length === 0;
      /** @type {HTMLElement} */ (speaker.closest(".picker")).hidden = useless;
    }
  }
}

function picker(place, id, words) {
  const label = document.createElement("label");
  label.className = "picker";
  label.htmlFor = id;
  const name = document.createElement("span");
  name.textContent = words;
  const select = document.createElement("select");
  select.id = id;
  label.append(name, select);
  place.append(label);
  return select;
}

function fill(select, devices, chosen, word) {
  const option = (value, text) => new Option(text, value, false, value === chosen);
  const listed = devices.filter((device) => device.deviceId !== "default");
  const named = listed.map((device, index) => option(device.deviceId, device.label || `${word} ${index + 1}`));
  select.replaceChildren(option("", "System default"), ...named);
}
