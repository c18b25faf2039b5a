/**
 * The page's sound: microphone in, reply out through the fence, levels, devices, the stored apology.
 *
 * The reply is played by the audio graph, not by the <audio> element: a gain ramp of 5 ms on the audio
 * clock falls silent without a click, and can be measured. Chrome keeps a remote stream mute in the
 * graph unless an element holds it too (pipecat-client-web-transports#129), so a muted one does.
 */

import { Fence } from "/static/fence.js";

const RAMP_S = 0.005;
const APOLOGY = "/static/apology.mp3";

/** What a level meter shows as empty and as full. */
const QUIET_DBFS = -60;
const LOUD_DBFS = -12;

export class Sound {
  /** @param {HTMLAudioElement} element muted holder of the remote stream */
  constructor(element) {
    this.element = element;
    this.fence = new Fence();
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {MediaStream | null} */
    this.microphone = null;
    /** @type {AudioNode[]} */
    this.remote = [];
    this.speaker = "";
    this.onHeard = (_epoch, _atMs) => {};
    this.onUnplugged = () => {};
    /** Fetched before any call, because it is needed when the server is gone. */
    this.apologyBytes = fetch(APOLOGY).then((response) => response.arrayBuffer(), () => null);
  }

  /** Call inside the click: browsers start an AudioContext only there. A call that is still apologised for gives way. */
  wake() {
    this.close();
    this.fence = new Fence();
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.gain = this.context.createGain();
    this.farMeter = this.context.createAnalyser();
    this.nearMeter = this.context.createAnalyser();
    this.farMeter.fftSize = 512;
    this.nearMeter.fftSize = 512;
    this.gain.connect(this.farMeter);
    this.gain.connect(this.context.destination);
    void this.context.resume();
    this.woken = this.#prepare(this.context);
  }

  async #prepare(context) {
    const bytes = await this.apologyBytes;
    // decodeAudioData takes the buffer away, so it gets a copy
    const decoded = bytes ? context.decodeAudioData(bytes.slice(0)).catch(() => null) : null;
    await context.audioWorklet.addModule("/static/ear.js");
    if (context.state === "closed") return;
    this.ear = new AudioWorkletNode(context, "ear", { numberOfOutputs: 0 });
    this.ear.port.onmessage = ({ data }) => this.onHeard(data.epoch, this.#pageClockMs(data.timeS));
    this.gain?.connect(this.ear);
    await this.useSpeaker(this.speaker);
    this.apology = await decoded;
  }

  /** When a sample of the audio clock leaves the loudspeaker, on the clock of performance.now(). */
  #pageClockMs(timeS) {
    const context = /** @type {AudioContext} */ (this.context);
    const stamp = context.getOutputTimestamp?.();
    if (stamp?.performanceTime && stamp.contextTime !== undefined) {
      return stamp.performanceTime + (timeS - stamp.contextTime) * 1000;
    }
    return performance.now() + (timeS - context.currentTime + (context.outputLatency || 0)) * 1000;
  }

  // --- microphone ---

  /** @param {string} [deviceId] @returns {Promise<MediaStreamTrack>} */
  async openMicrophone(deviceId = "") {
    if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("insecure", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        deviceId: deviceId ? { exact: deviceId } : undefined,
        channelCount: 1,
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
      },
    });
    if (!this.context || this.context.state === "closed") {
      for (const late of stream.getTracks()) late.stop();
      throw new DOMException("the call is over", "AbortError");
    }
    this.#closeMicrophone();
    this.microphone = stream;
    const [track] = stream.getAudioTracks();
    track.addEventListener("ended", () => this.microphone === stream && this.onUnplugged());
    this.near = this.context.createMediaStreamSource(stream);
    if (this.nearMeter) this.near.connect(this.nearMeter);
    return track;
  }

  /** A track for a caller who types: the server needs one, nothing is recorded. */
  silentTrack() {
    const context = /** @type {AudioContext} */ (this.context);
    return context.createMediaStreamDestination().stream.getAudioTracks()[0];
  }

  /** @param {boolean} open */
  gateMicrophone(open) {
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = open;
  }

  #closeMicrophone() {
    this.near?.disconnect();
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = null;
  }

  // --- reply ---

  /** @param {MediaStreamTrack} track what the server sends */
  play(track) {
    if (!this.context || this.context.state === "closed" || !this.gain) return;
    for (const node of this.remote) node.disconnect();
    const stream = new MediaStream([track]);
    this.element.srcObject = stream;
    this.element.play().catch(() => undefined); // muted and only a holder: a refusal changes nothing
    const source = this.context.createMediaStreamSource(stream);
    source.connect(this.gain);
    this.remote = [source];
  }

  /** @param {number} epoch audio of this and older replies is void */
  flush(epoch) {
    if (!this.context || !this.gain || !this.fence.flush(epoch, performance.now())) return;
    const { gain } = this.gain;
    const now = this.context.currentTime;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(gain.value, now);
    gain.linearRampToValueAtTime(0, now + RAMP_S);
    this.ear?.port.postMessage({ epoch: null });
  }

  /** @param {number} epoch a reply begins */
  speak(epoch) {
    const waitMs = this.fence.speak(epoch, performance.now());
    if (waitMs === null) return;
    this.#sound(waitMs / 1000);
    this.ear?.port.postMessage({ epoch });
  }

  /** Once a second: a silence nobody ends is ended here. */
  tick() {
    if (this.fence.overdue(performance.now())) this.#sound(0);
  }

  #sound(inS) {
    if (!this.context || !this.gain) return;
    const { gain } = this.gain;
    const at = this.context.currentTime + inS;
    // the ramp down is over long before a postponed start; cancelling from `at` keeps it
    gain.cancelScheduledValues(at);
    gain.setValueAtTime(inS > 0 ? 0 : gain.value, at);
    gain.linearRampToValueAtTime(1, at + RAMP_S);
  }

  /** @returns {Promise<void>} when the stored apology has been said */
  async apologise() {
    if (!this.context || !this.apology) return;
    const source = this.context.createBufferSource();
    source.buffer = this.apology;
    source.connect(this.context.destination);
    const said = new Promise((resolve) => source.addEventListener("ended", () => resolve(undefined)));
    source.start();
    await said;
  }

  // --- devices and levels ---

  get canChooseSpeaker() {
    return "setSinkId" in AudioContext.prototype;
  }

  /** @param {string} deviceId "" is the system's own choice */
  async useSpeaker(deviceId) {
    this.speaker = deviceId;
    if (!this.canChooseSpeaker || !this.context || this.context.state === "closed") return;
    if (this.context.sinkId === deviceId) return;
    await this.context.setSinkId(deviceId).catch(() => undefined); // unplugged meanwhile: stay where we are
  }

  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    const named = (kind) => all.filter((device) => device.kind === kind && device.deviceId);
    return { microphones: named("audioinput"), speakers: named("audiooutput") };
  }

  /** @returns {{near: number, far: number}} 0 quiet to 1 loud */
  levels() {
    return { near: this.near ? level(this.nearMeter) : 0, far: level(this.farMeter) };
  }

  close() {
    this.#closeMicrophone();
    this.remote = [];
    this.element.srcObject = null;
    this.ear?.port.close();
    this.ear = undefined;
    this.near = undefined;
    if (this.context && this.context.state !== "closed") void this.context.close();
    this.context = null;
  }
}

const scratch = new Float32Array(512);

/** @param {AnalyserNode | undefined} meter */
function level(meter) {
  if (!meter) return 0;
  meter.getFloatTimeDomainData(scratch);
  const square = scratch.reduce((sum, sample) => sum + sample * sample, 0) / scratch.length;
  const dbfs = 10 * Math.log10(square + 1e-12);
  return Math.min(1, Math.max(0, (dbfs - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)));
}
