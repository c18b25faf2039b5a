/**
 * AudioWorklet behind the fence: says when the first audible sample of a reply passed, on the audio
 * clock, so the server learns what the caller's ear had to wait. It passes nothing on and keeps nothing.
 */

/** -40 dBFS: above comfort noise, below the softest consonant of a voice at speaking level. */
const AUDIBLE = 0.01;

class Ear extends AudioWorkletProcessor {
  constructor() {
    super();
    this.epoch = null;
    this.port.onmessage = ({ data }) => {
      this.epoch = data.epoch;
    };
  }

  process([input]) {
    const samples = input[0];
    if (this.epoch === null || !samples) return true;
    const first = samples.findIndex((sample) => Math.abs(sample) > AUDIBLE);
    if (first >= 0) {
      this.port.postMessage({ epoch: this.epoch, timeS: currentTime + first / sampleRate });
      this.epoch = null;
    }
    return true;
  }
}

registerProcessor("ear", Ear);
