/**
 * How good the line is: WebRTC statistics in, numbers and a verdict out. Thresholds are those of
 * Twilio's call-quality warnings (round trip > 400 ms, jitter > 30 ms, loss > 3 %), softened below.
 */

const WINDOW = 5;

/** Upper bounds for four, three and two bars; above the last: one bar. */
const BOUNDS = {
  rttMs: [150, 250, 400],
  jitterMs: [15, 22, 30],
  lossPercent: [0.5, 1.5, 3],
  bufferMs: [120, 200, 300],
};

export const WORDS = ["", "Poor", "Fair", "Good", "Excellent"];

/** @typedef {{rttMs: number | null, jitterMs: number | null, lossPercent: number | null, bufferMs: number | null}} Sample */

/** Turns the browser's running totals into one sample a second. */
export class LineMeter {
  constructor() {
    this.before = { received: 0, lost: 0, delayS: 0, emitted: 0 };
    /** @type {Sample[]} */
    this.samples = [];
  }

  /** @param {Iterable<any>} reports @param {number | null} pingMs round trip of the data channel */
  take(reports, pingMs) {
    /** @type {Sample} */
    const sample = { rttMs: pingMs, jitterMs: null, lossPercent: null, bufferMs: null };
    for (const report of reports) {
      if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime > 0) {
        sample.rttMs = report.currentRoundTripTime * 1000;
      }
      if (report.type === "inbound-rtp" && report.kind === "audio") this.#inbound(report, sample);
    }
    this.samples = [...this.samples.slice(1 - WINDOW), sample];
    return sample;
  }

  #inbound(report, sample) {
    const now = {
      received: report.packetsReceived ?? 0,
      lost: report.packetsLost ?? 0,
      delayS: report.jitterBufferDelay ?? 0,
      emitted: report.jitterBufferEmittedCount ?? 0,
    };
    const lost = Math.max(0, now.lost - this.before.lost);
    const due = lost + Math.max(0, now.received - this.before.received);
    const emitted = now.emitted - this.before.emitted;
    sample.jitterMs = (report.jitter ?? 0) * 1000;
    if (due > 0) sample.lossPercent = (100 * lost) / due;
    if (emitted > 0) sample.bufferMs = (1000 * (now.delayS - this.before.delayS)) / emitted;
    this.before = now;
  }

  /** @returns {number} bars: 4 excellent to 1 poor; 0 while nothing is known */
  bars() {
    return verdict(this.samples);
  }
}

/** The worst of the measures, each judged by its median of the last samples: one bad second is no verdict. */
export function verdict(samples) {
  const grades = Object.entries(BOUNDS).flatMap(([key, bounds]) => {
    const values = samples.map((sample) => sample[key]).filter((value) => value !== null);
    if (values.length === 0) return [];
    const middle = values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
    const over = bounds.findIndex((bound) => middle <= bound);
    return [over === -1 ? 1 : 4 - over];
  });
  return grades.length === 0 ? 0 : Math.min(...grades);
}
