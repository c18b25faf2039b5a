/** Entry of the softphone page: makes the parts and introduces them to each other. */

import * as api from "/static/api.js";
import { Sound } from "/static/audio.js";
import { Call } from "/static/call.js";
import { Panels } from "/static/panels.js";
import { Screen } from "/static/ui.js";

const sound = new Sound(/** @type {HTMLAudioElement} */ (document.getElementById("far")));
const screen = new Screen();
const call = new Call(sound, screen);
const panels = new Panels(call, sound);
screen.bind(call, sound, panels);

const LINES_EVERY_MS = 20_000;

async function greet() {
  try {
    screen.practice(await api.practice());
  } catch {
    screen.lines(null);
  }
}

async function look() {
  if (document.visibilityState !== "visible" || call.phone.stage === "live") return;
  screen.lines(await api.lines().catch(() => null));
}

void greet();
void look();
setInterval(() => void look(), LINES_EVERY_MS);
document.addEventListener("visibilitychange", () => void look());
