/**
 * The server's HTTP doors, as docs/protocol.md lists them. Keys travel in headers, never in a URL,
 * and nothing is kept here: the caller of a function holds the key in memory.
 */

/** A request the server refused, in a sentence that can be shown. */
export class Refused extends Error {
  /**
   * @param {number} status HTTP status, 0 when the server was not reached
   * @param {string} code stable name of the reason
   * @param {string} message a plain sentence
   * @param {number | null} retryAfterS
   */
  constructor(status, code, message, retryAfterS = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

const UNREACHED = "The server does not answer. Check the network connection.";

/** @param {string} path @param {{body?: object, bearer?: string, timeoutMs?: number}} [options] */
async function ask(path, { body, bearer, timeoutMs = 10_000 } = {}) {
  const headers = new Headers();
  if (body) headers.set("Content-Type", "application/json");
  if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
  const init = {
    method: body ? "POST" : "GET",
    headers,
    body: body ? JSON.stringify(body) : undefined,
    cache: /** @type {const} */ ("no-store"),
    credentials: /** @type {const} */ ("omit"),
    signal: AbortSignal.timeout(timeoutMs),
  };
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Refused(0, "unreached", UNREACHED);
  }
  if (!response.ok && path !== "/healthz") throw await refusal(response);
  return response.status === 204 ? {} : response.json();
}

/** @param {Response} response */
async function refusal(response) {
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  let code = `http_${response.status}`;
  let message = `The server refused the request (${response.status}).`;
  try {
    const { error } = await response.json();
    code = String(error.code);
    message = String(error.message);
  } catch {
    // a proxy's HTML page: the status alone has to do
  }
  return new Refused(response.status, code, message, Number.isFinite(wait) ? wait : null);
}

export const practice = () => ask("/api/practice");

/** @returns {Promise<{ready: boolean, freeLines: number}>} */
export async function lines(timeoutMs = 4000) {
  const health = await ask("/healthz", { timeoutMs });
  const free = (health.workers ?? []).reduce((sum, worker) => sum + (worker.free_slots ?? 0), 0);
  return { ready: Boolean(health.ready), freeLines: free };
}


/** @returns {Promise<{token: string, ice_servers: RTCIceServer[]}>} the practice's own relay is the only ICE server */
export const newToken = () => ask("/api/calls", { body: {} });
export const offer = (token, sdp) => ask("/api/offer", { bearer: token, body: { type: "offer", sdp } });
export const reoffer = (key, sdp) =>
  ask("/api/reoffer", { bearer: key, body: { type: "offer", sdp }, timeoutMs: 5000 });
export const reveal = (token, callId, field) =>
  ask("/api/live/reveal", { bearer: token, body: { call_id: callId, field } });

/** Somebody is at the live view: without it the server signs the token out after 15 minutes. */
export const active = (token) => ask("/api/live/active", { bearer: token, body: {} });

/** Throw the emergency switch: every call of the practice is paused, or served again. */
export const emergency = (token, paused, reason) =>
  ask("/api/live/emergency", { bearer: token, body: { paused, reason } });

/** Tell the server the call is over, also while the page is going away. */
export function hangUp(key) {
  const body = new Blob([JSON.stringify({ call_key: key })], { type: "application/json" });
  return navigator.sendBeacon("/api/hangup", body);
}

/**
 * Read newline-delimited JSON until the stream ends; a broken line is skipped.
 * @param {string} path @param {string} bearer @param {(object: any) => void} onObject
 * @param {AbortSignal} signal @param {() => void} [onOpen]
 */
export async function stream(path, bearer, onObject, signal, onOpen) {
  const response = await fetch(path, {
    headers: { Authorization: `Bearer ${bearer}` },
    cache: "no-store",
    credentials: "omit",
    signal,
  });
  if (!response.ok || !response.body) throw await refusal(response);
  onOpen?.();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const object = parsed(part);
      if (object) onObject(object);
    }
  }
}

/** @param {string} text one JSON object, or nothing */
export function parsed(text) {
  try {
    const object = JSON.parse(text);
    return object && typeof object === "object" ? object : null;
  } catch {
    return null;
  }
}
