// Test half of tap.js that runs on the audio thread; served by the fake server only.
registerProcessor("tap", class extends AudioWorkletProcessor {
  constructor() { super(); this.blocks = []; }
  process([input]) {
    const samples = input[0] ?? [];
    let square = 0;
    for (const sample of samples) square += sample * sample;
    this.blocks.push([currentTime, Math.sqrt(square / 128)]);
    if (this.blocks.length === 8) { this.port.postMessage(this.blocks); this.blocks = []; }
    return true;
  }
});
