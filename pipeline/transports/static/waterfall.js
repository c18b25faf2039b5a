/**
 * One turn as a waterfall: each stage is a bar from the mark before it to its own, on one time axis.
 * Any set of marks is drawn; names it knows get better words. A list of the same figures is the text.
 */

const SVG = "http://www.w3.org/2000/svg";
const ROW = 22;
const WIDTH = 400;
const NAMES = {
  pause_seen: "Pause noticed", eager_text: "Words so far", decision: "Turn decided", final_text: "Words recognised",
  first_token: "First word of reply", first_clause: "First clause", first_audio: "Voice ready",
  first_sample_out: "Sound sent", heard: "Caller hears it",
};

export function stageName(name) {
  const words = name.replaceAll("_", " ");
  return NAMES[name] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {{turn: number, interrupted: boolean, stages: {name: string, ms: number}[]}} turn */
export function waterfall({ turn, interrupted, stages }) {
  const box = document.createElement("figure");
  box.className = "turn";
  const last = stages.length > 0 ? stages[stages.length - 1].ms : 0;
  const title = document.createElement("figcaption");
  const name = document.createElement("span");
  name.textContent = `Turn ${turn}`;
  const total = document.createElement("strong");
  total.textContent = `${Math.round(last)} ms`;
  title.append(name, total);
  if (interrupted) title.append(tag("Interrupted"));
  const grid = document.createElement("div");
  grid.className = "waterfall";
  grid.append(labels(stages), bars(stages));
  box.append(title, grid);
  return box;
}

export function tag(words, kind = "") {
  const mark = document.createElement("span");
  mark.className = `tag ${kind}`.trim();
  mark.textContent = words;
  return mark;
}

function labels(stages) {
  const list = document.createElement("ol");
  for (const { name, ms } of stages) {
    const item = document.createElement("li");
    const figure = document.createElement("span");
    figure.textContent = `${Math.round(ms)} ms`;
    item.append(`${stageName(name)} `, figure);
    list.append(item);
  }
  return list;
}

function bars(stages) {
  const first = Math.min(0, ...stages.map(({ ms }) => ms));
  const span = Math.max(1, ...stages.map(({ ms }) => ms - first));
  const at = (ms) => ((ms - first) / span) * (WIDTH - 4);
  const drawing = element("svg", { viewBox: `0 0 ${WIDTH} ${Math.max(1, stages.length) * ROW}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const quarter of [0, 0.25, 0.5, 0.75, 1]) {
    const x = quarter * (WIDTH - 4);
    drawing.append(element("line", { class: "grid-line", x1: x, x2: x, y1: 0, y2: stages.length * ROW }));
  }
  let before = Math.min(first, 0);
  stages.forEach(({ ms }, row) => {
    const width = Math.max(3, at(ms) - at(before));
    drawing.append(element("rect", { class: `bar bar-${row % 6}`, x: at(before), y: row * ROW + 5, width, height: ROW - 10, rx: 3 }));
    before = ms;
  });
  return drawing;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
