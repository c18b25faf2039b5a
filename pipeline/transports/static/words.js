/** Every fixed sentence the softphone shows, in one place. Plain words: what happened, what to do. */

/** @param {unknown} error what getUserMedia threw */
export function microphoneKind(error) {
  if (!globalThis.isSecureContext) return "insecure";
  const name = error instanceof DOMException ? error.name : "";
  const kinds = {
    NotAllowedError: "denied",
    SecurityError: "denied",
    NotFoundError: "missing",
    OverconstrainedError: "missing",
    NotReadableError: "taken",
    AbortError: "taken",
  };
  return kinds[name] ?? "unknown";
}

/** Problem kind -> [headline, what to do]. */
export const PROBLEMS = {
  insecure: [
    "The browser gives no microphone to this address",
    "Open the page with https, or on this computer as http://localhost. You can still type your answers.",
  ],
  denied: [
    "The microphone is blocked",
    "Allow the microphone for this page in the browser’s address bar, then call again. You can also type your answers.",
  ],
  missing: [
    "No microphone was found",
    "Plug in a microphone or headset, then call again. You can also type your answers.",
  ],
  taken: [
    "The microphone is in use",
    "Another program holds it. Close that program, then call again. You can also type your answers.",
  ],
  unknown: [
    "The microphone did not open",
    "Check that it is plugged in and switched on, then call again. You can also type your answers.",
  ],
  unplugged: ["The microphone was unplugged", "Plug it in again or choose another one under Devices. You can also type."],
  refused: ["The call could not start", ""],
  unreached: ["The server does not answer", "Check the network connection, then call again."],
  no_media: [
    "Your voice cannot reach the server",
    "The page works but the sound is blocked on the way, most often by a firewall that stops UDP. Ask your network’s support, or telephone the practice.",
  ],
};

/** Why a call ended -> [headline, sentence]. */
export const ENDINGS = {
  goodbye: ["Call finished", "Thank you for calling."],
  hung_up: ["You hung up", "Nothing of this call is kept in the browser."],
  person: ["Please speak with our staff", "Telephone the practice and a person will help you."],
  error: ["The call ended because of a fault on our side", "We are sorry. Please call again, or telephone the practice."],
  limit: ["The call reached its time limit", "Please call again, or telephone the practice."],
  shutdown: ["The service is being restarted", "Please call again in a few minutes, or telephone the practice."],
  lost: ["The connection was lost", "We tried to bring it back. Check the network and call again, or telephone the practice."],
  worker_lost: ["We are sorry: the call was cut off", "A fault on our side ended the call. Please telephone the practice."],
};

/** Endings after which the practice's number is shown large. */
export const SHOW_NUMBER = new Set(["person", "error", "limit", "shutdown", "lost", "worker_lost"]);

/** Stage or phase -> [headline, hint]. */
export const PHASE_WORDS = {
  opening: ["Opening the microphone", "The browser may ask you to allow it."],
  dialling: ["Connecting", "This takes a second or two."],
  greeting: ["Welcome", "Please listen to the greeting."],
  listening: ["Listening", "Speak now, type, or use the keypad."],
  thinking: ["One moment", "Working out the answer."],
  speaking: ["Speaking", "You can interrupt at any time."],
  reconnecting: ["Reconnecting", "The line dropped. Stay here: the call goes on."],
};

const FIELDS = {
  reason: "Reason",
  first_name: "First name",
  callback_number: "Callback number",
  phone: "Callback number",
  number: "Callback number",
  day: "Day",
  time: "Time",
  time_of_day: "Time of day",
};

/** @param {string} key a field of the request */
export function fieldLabel(key) {
  const words = key.replaceAll("_", " ");
  return FIELDS[key] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {number} ms */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A telephone link keeps digits and a leading plus only. @param {string} number */
export const telLink = (number) => `tel:${number.replaceAll(/[^\d+]/g, "")}`;
