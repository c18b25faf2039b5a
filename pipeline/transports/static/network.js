/** How a caller's network fares, in words for staff: what the server judged bad, and the rolling figures of the call. */

import { stageName } from "/static/waterfall.js";

/** What is bad -> words, given the figures. */
const BAD = {
  loss: ({ loss_percent: loss }) => `${shown(loss)} % of the sound is lost`,
  jitter: ({ jitter_ms: jitter }) => `sound comes unevenly (${shown(jitter)} ms)`,
  detection: ({ detect_ms: detect }) => `pauses are noticed late (${shown(detect?.[1])} ms)`,
  round_trip: ({ round_trip_ms: trip }) => `every word takes a long way (${shown(trip)} ms there and back)`,
};

/** The stages that staff can make something of. */
const STAGES = ["decision", "first_sample_out"];

/** @param {any} network as the board keeps it @returns {string} "" while nothing is bad */
export function networkWords(network) {
  const known = Object.keys(BAD).filter((trouble) => network?.troubles.includes(trouble));
  if (known.length === 0) return "";
  const what = new Intl.ListFormat("en").format(known.map((trouble) => BAD[trouble](network)));
  return `Bad line: ${what}. The caller may hear gaps and be hard to understand. If it stays so, call them back.`;
}

/** @param {any} network @returns {string} "" before the first turn */
export function rollingWords(network) {
  const rows = STAGES.filter((stage) => network?.stages_ms?.[stage]).map((stage) => [stageName(stage), network.stages_ms[stage]]);
  if (network?.detect_ms) rows.unshift(["Pause noticed", network.detect_ms]);
  if (rows.length === 0) return "";
  const figures = rows.map(([name, [half, most]]) => `${name} ${Math.round(half)} / ${Math.round(most)} ms`);
  return `Last turns, typical / slow: ${figures.join(", ")}.`;
}

function shown(figure) {
  return Number.isFinite(figure) ? String(Math.round(figure)) : "?";
}
