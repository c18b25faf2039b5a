/**
 * What the softphone does next: a state and an event go in, the new state and what to perform come
 * out. It knows no DOM, no network, no audio and no clock; `call.js` performs, `ui.js` shows.
 *
 *   idle -> consent -> opening -> (check ->) dialling -> live <-> reconnecting -> ended -> idle
 */

export const PHASES = ["greeting", "listening", "thinking", "speaking"];

export const START = Object.freeze({
  stage: "idle",
  phase: "greeting",
  /** @type {null | "call" | "check"} what the caller agreed to */
  agreed: null,
  /** the caller types instead of speaking: no microphone is opened */
  typing: false,
  muted: false,
  holding: false,
  /** @type {null | {kind: string, message?: string, retryAfterS?: number | null}} */
  problem: null,
  /** @type {null | string} why the call ended */
  ending: null,
  lostAtMs: 0,
  /** a lost connection is tried again this long: the server says when it gives up itself */
  reconnectMs: 15_000,
});

/** @typedef {typeof START} Phone */

const inCall = (stage) => stage === "live" || stage === "reconnecting";
const busy = (stage) => !["idle", "consent", "ended"].includes(stage);

/** The microphone is open to the server. */
export const isHeard = (phone) => !phone.typing && (!phone.muted || phone.holding);

/**
 * @param {Phone} phone @param {{type: string, [key: string]: any}} event
 * @returns {[Phone, string[]]} the new state, and the names of what to perform, in order
 */
export function step(phone, event) {
  const answer = TABLE[event.type]?.(phone, event);
  if (!answer) return [phone, []];
  const [change, ...actions] = answer;
  return [{ ...phone, ...change }, actions];
}

const end = (ending, ...actions) => [{ stage: "ended", ending, holding: false }, ...actions];

/** Event -> [what changes, actions...]; nothing (or false): the event does not apply here. */
const TABLE = {
  callPressed: ({ stage }) =>
    (stage === "idle" || stage === "ended") && [{ ...START, stage: "consent" }, "forget"],
  consentRefused: ({ stage }) => stage === "consent" && [{ ...START }],
  consentGiven: ({ stage }, { check, typing }) => {
    if (stage !== "consent") return null;
    if (typing) return [{ stage: "dialling", agreed: "call", typing: true }, "wake", "dial"];
    return [{ stage: "opening", agreed: check ? "check" : "call" }, "wake", "openMicrophone"];
  },
  microphoneOpened: ({ stage, agreed }) => {
    if (stage !== "opening") return null;
    return agreed === "check" ? [{ stage: "check" }] : [{ stage: "dialling" }, "dial"];
  },
  microphoneFailed: ({ stage }, { kind }) => {
    if (stage === "opening") return [{ ...START, problem: { kind } }, "release"];
    return busy(stage) ? [{ problem: { kind } }] : null;
  },
  microphoneReplaced: ({ stage }) => busy(stage) && [{ problem: null }],
  checkPassed: ({ stage }) => stage === "check" && [{ stage: "dialling" }, "dial"],
  connected: ({ stage }) => {
    if (stage === "dialling") return [{ stage: "live", problem: null }, "tellMute"];
    if (stage === "reconnecting") return [{ stage: "live", problem: null }, "tellMute"];
    return null;
  },
  refused: ({ stage }, { message, code, retryAfterS }) =>
    stage === "dialling" && [
      { ...START, problem: { kind: code === "unreached" ? "unreached" : "refused", message, retryAfterS } },
      "release",
    ],
  noMedia: ({ stage }) =>
    stage === "dialling" && [{ ...START, problem: { kind: "no_media" } }, "tellHangUp", "release"],
  connectionLost: ({ stage }, { nowMs }) =>
    stage === "live" && [{ stage: "reconnecting", lostAtMs: nowMs, holding: false }, "redial"],
  answered: ({ stage }, { reconnectMs }) =>
    stage === "dialling" && Number.isFinite(reconnectMs) && reconnectMs >= 0 && [{ reconnectMs }],
  redialFailed: ({ stage, lostAtMs, reconnectMs }, { nowMs, gone }) => {
    if (stage !== "reconnecting") return null;
    if (gone || nowMs - lostAtMs >= reconnectMs) return end("lost", "tellHangUp", "release");
    return [{}, "redialLater"];
  },
  workerLost: ({ stage }) =>
    (inCall(stage) || stage === "dialling") && end("worker_lost", "disconnect", "apologise"),
  bye: ({ stage }, { reason }) => inCall(stage) && end(reason, "release"),
  hangUp: ({ stage }) => {
    if (stage === "check" || stage === "opening") return [{ ...START }, "release"];
    return busy(stage) ? end("hung_up", "tellHangUp", "release") : null;
  },
  phase: ({ stage }, { value }) => inCall(stage) && PHASES.includes(value) && [{ phase: value }],
  muteToggled: ({ stage, muted, typing }) =>
    inCall(stage) && !typing && [{ muted: !muted, holding: false }, "gateMicrophone", "tellMute"],
  holdStarted: ({ stage, muted, holding, typing }) =>
    stage === "live" && muted && !holding && !typing && [{ holding: true }, "gateMicrophone", "tellMute"],
  holdEnded: ({ holding }) => holding && [{ holding: false }, "gateMicrophone", "tellMute"],
  problemSeen: () => [{ problem: null }],
  cleared: ({ stage }) => stage === "ended" && [{ ...START }, "release", "forget"],
};
