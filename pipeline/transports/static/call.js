/**
 * Performs what `phone.js` decides: owns the connection, the sound, the keys and the timers of one
 * call. It decides nothing beyond which event a fact is, and shows nothing itself.
 */

import * as api from "/static/api.js";
import { Connection } from "/static/rtc.js";
import { LineMeter } from "/static/stats.js";
import { START, isHeard, step } from "/static/phone.js";
import { microphoneKind } from "/static/words.js";

const CONNECT_LIMIT_MS = 8000;
/** Chromium reports a dead path after ~5 s, a blocked one after 15; three missed pings say it sooner. */
const PONG_LIMIT_MS = 3500;
/** "disconnected" often heals by itself within a moment. */
const HEAL_MS = 1000;
const REDIAL_EVERY_MS = 1500;
/** A server that is gone refuses at once; one moment of doubt is left for a network change. */
const GONE_PROBES = 3;
const GONE_PROBE_MS = 350;
/** A goodbye on the data channel may be this much later than the server's word that the call is over. */
const ENDED_GRACE_MS = 1500;

export class Call {
  /**
   * @param {import("/static/audio.js").Sound} sound
   * @param {{changed: (phone: any, before: any) => void, message: (message: any) => void,
   *   quality: (bars: number, sample: any) => void, forget: () => void}} shown
   */
  constructor(sound, shown) {
    this.sound = sound;
    this.shown = shown;
    this.phone = START;
    /** @type {Connection | null} */
    this.line = null;
    this.key = "";
    /** @type {RTCIceServer[]} */
    this.iceServers = [];
    this.startedMs = 0;
    this.microphoneId = "";
    this.generation = 0;
    sound.onHeard = (epoch, t) => this.send({ type: "heard", epoch, t: Math.round(t * 10) / 10 });
    sound.onUnplugged = () => this.#unplugged();
    addEventListener("pagehide", () => this.#leave());
    addEventListener("online", () => this.#lost());
  }

  /** @param {{type: string, [key: string]: any}} event */
  dispatch(event) {
    const before = this.phone;
    const [after, actions] = step(before, event);
    this.phone = after;
    for (const action of actions) this[action]();
    if (after !== before) this.shown.changed(after, before);
  }

  /** @returns {boolean} */
  send(message) {
    return this.line?.send(message) ?? false;
  }

  // --- actions, by the names phone.js uses ---

  wake() {
    this.generation += 1;
    this.sound.wake();
  }

  async openMicrophone() {
    const { generation } = this;
    try {
      const track = await this.sound.openMicrophone(this.microphoneId);
      if (generation !== this.generation) return track.stop();
      this.dispatch({ type: "microphoneOpened" });
    } catch (error) {
      if (generation !== this.generation) return;
      this.microphoneId = "";
      this.dispatch({ type: "microphoneFailed", kind: microphoneKind(error) });
    }
  }

  async dial() {
    const { generation } = this;
    const late = () => generation !== this.generation;
    this.limit = setTimeout(() => this.dispatch({ type: "noMedia" }), CONNECT_LIMIT_MS + 2000);
    try {
      const { token, ice_servers: iceServers } = await api.newToken();
      if (late()) return;
      this.iceServers = iceServers;
      this.line = this.#connection();
      await this.line.open(async (sdp) => {
        const answer = await api.offer(token, sdp);
        this.key = answer.call_key;
        if (late()) api.hangUp(answer.call_key);
        else {
          this.dispatch({ type: "answered", reconnectMs: answer.reconnect_ms });
          void this.#watch(answer.call_key);
        }
        return answer;
      });
      if (late()) return;
      clearTimeout(this.limit);
      if (this.phone.stage !== "dialling") return;
      this.limit = setTimeout(() => this.dispatch({ type: "noMedia" }), CONNECT_LIMIT_MS);
    } catch (error) {
      if (!late()) this.dispatch({ type: "refused", ...refusal(error) });
    }
  }

  async redial() {
    const { generation } = this;
    const late = () => generation !== this.generation || this.phone.stage !== "reconnecting";
    this.line?.close();
    try {
      const line = this.#connection();
      this.line = line;
      await line.open((sdp) => api.reoffer(this.key, sdp));
      await new Promise((resolve) => setTimeout(resolve, 2500));
      if (!late() && this.line === line && !line.ready) this.#redialFailed(false);
    } catch (error) {
      if (!late()) this.#redialFailed([401, 404, 410].includes(error.status));
    }
  }

  redialLater() {
    const { generation } = this;
    setTimeout(() => {
      if (generation === this.generation && this.phone.stage === "reconnecting") void this.redial();
    }, REDIAL_EVERY_MS);
  }

  tellHangUp() {
    this.send({ type: "bye" });
    if (this.key) api.hangUp(this.key);
    this.key = "";
  }

  tellMute() {
    this.send({ type: "mute", on: !isHeard(this.phone) });
  }

  gateMicrophone() {
    this.sound.gateMicrophone(isHeard(this.phone));
  }

  disconnect() {
    this.generation += 1;
    clearTimeout(this.limit);
    clearInterval(this.heart);
    this.watching?.abort();
    this.line?.close();
    this.line = null;
    this.key = "";
  }

  release() {
    this.disconnect();
    this.sound.close();
  }

  async apologise() {
    const { generation } = this;
    this.sound.gateMicrophone(false);
    await this.sound.apologise();
    if (generation === this.generation) this.release();
  }

  forget() {
    this.shown.forget();
  }

  // --- facts that become events ---

  #connection() {
    const track = this.sound.microphone?.getAudioTracks()[0] ?? this.sound.silentTrack();
    const line = new Connection({
      track,
      iceServers: this.iceServers,
      onTrack: (remote) => line === this.line && this.sound.play(remote),
      onMessage: (message) => line === this.line && this.#message(message),
      onState: (state) => line === this.line && this.#lineState(state),
    });
    return line;
  }

  #lineState(state) {
    if (this.line?.ready && ["connected", "channel"].includes(state)) this.#connected();
    else if (state === "failed" || state === "channel_closed") this.#lost();
    else if (state === "disconnected") {
      const { line } = this;
      setTimeout(() => line === this.line && !line?.ready && this.#lost(), HEAL_MS);
    }
  }

  #connected() {
    clearTimeout(this.limit);
    if (this.phone.stage === "dialling") {
      this.startedMs = performance.now();
      this.meter = new LineMeter();
    }
    this.pongMs = performance.now();
    this.pingMs = null;
    clearInterval(this.heart);
    this.heart = setInterval(() => void this.#beat(), 1000);
    this.gateMicrophone();
    this.dispatch({ type: "connected" });
    this.#ping();
  }

  #ping() {
    this.send({ type: "ping", t: Math.round(performance.now() * 10) / 10 });
  }

  async #beat() {
    this.sound.tick();
    this.#ping();
    if (performance.now() - this.pongMs > PONG_LIMIT_MS) this.#lost();
    const { line, meter } = this;
    if (!line || !meter || line.peer.connectionState === "closed") return;
    const reports = await line.peer.getStats();
    if (line !== this.line) return;
    const sample = meter.take(reports.values(), this.pingMs);
    this.shown.quality(meter.bars(), sample);
  }

  #message(message) {
    if (message.type === "flush") this.sound.flush(message.epoch);
    else if (message.type === "speak") this.sound.speak(message.epoch);
    else if (message.type === "pong") {
      this.pongMs = performance.now();
      if (Number.isFinite(message.t)) this.pingMs = Math.max(0, this.pongMs - message.t);
    } else if (message.type === "state") this.dispatch({ type: "phase", value: message.value });
    else if (message.type === "bye") this.dispatch({ type: "bye", reason: String(message.reason) });
    else this.shown.message(message);
  }

  #lost() {
    this.dispatch({ type: "connectionLost", nowMs: performance.now() });
  }

  #redialFailed(gone) {
    this.dispatch({ type: "redialFailed", nowMs: performance.now(), gone });
  }

  /** The server's word about the call's worker; when the word stops, ask whether the server is there. */
  async #watch(key) {
    const watching = new AbortController();
    this.watching = watching;
    while (!watching.signal.aborted) {
      const openedMs = performance.now();
      try {
        await api.stream("/api/calls/events", key, (fact) => this.#fact(fact), watching.signal);
      } catch (error) {
        // 401: the call is over and its own goodbye, or the reconnect, says so
        if (error instanceof api.Refused && error.status === 401) return;
      }
      if (watching.signal.aborted) return;
      if (await this.#serverGone()) return this.dispatch({ type: "workerLost" });
      const restMs = 1000 - (performance.now() - openedMs);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, restMs)));
    }
  }

  #fact(fact) {
    if (fact.type === "worker_lost") this.dispatch({ type: "workerLost" });
    // the data channel's goodbye carries the reason and comes first; this is for a lost one
    if (fact.type === "ended") {
      const { generation } = this;
      setTimeout(() => {
        if (generation === this.generation) this.dispatch({ type: "bye", reason: "goodbye" });
      }, ENDED_GRACE_MS);
    }
  }

  async #serverGone() {
    for (let probe = 0; probe < GONE_PROBES; probe += 1) {
      if (!navigator.onLine) return false;
      try {
        await api.lines(GONE_PROBE_MS);
        return false;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, GONE_PROBE_MS / 2));
      }
    }
    return navigator.onLine;
  }

  async #unplugged() {
    this.dispatch({ type: "microphoneFailed", kind: "unplugged" });
    await this.useMicrophone("");
  }

  /** @param {string} deviceId */
  async useMicrophone(deviceId) {
    this.microphoneId = deviceId;
    if (!this.sound.microphone) return;
    try {
      const track = await this.sound.openMicrophone(deviceId);
      this.gateMicrophone();
      await this.line?.sender.replaceTrack(track);
      this.dispatch({ type: "microphoneReplaced" });
    } catch (error) {
      this.dispatch({ type: "microphoneFailed", kind: microphoneKind(error) });
    }
  }

  #leave() {
    if (this.key) api.hangUp(this.key);
    this.key = "";
    this.dispatch({ type: "hangUp" });
    this.dispatch({ type: "cleared" });
  }
}

function refusal(error) {
  if (error instanceof api.Refused) {
    return { message: error.message, code: error.code, retryAfterS: error.retryAfterS };
  }
  return { message: "The connection could not be set up. Please call again.", code: "setup", retryAfterS: null };
}
