// Installed by tests only: records the RMS of every 128 samples that reach the loudspeaker, and when
// each message of the data channel arrived, on the clock of the same AudioContext.
(() => {
  const tap = { blocks: [], arrived: [] };
  window.tapped = tap;
  const WORKLET = `registerProcessor("tap", class extends AudioWorkletProcessor {
    constructor() { super(); this.blocks = []; }
    process([input]) {
      const samples = input[0] ?? [];
      let square = 0;
      for (const sample of samples) square += sample * sample;
      this.blocks.push([currentTime, Math.sqrt(square / 128)]);
      if (this.blocks.length === 8) { this.port.postMessage(this.blocks); this.blocks = []; }
      return true;
    }
  });`;
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    const result = connect.call(this, target, ...rest);
    if (target === this.context.destination) {
      const { context } = this;
      tap.context = context;
      const url = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
      context.audioWorklet.addModule(url).then(() => {
        const node = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
        node.port.onmessage = ({ data }) => tap.blocks.push(...data);
        connect.call(this, node);
        tap.ready = true;
      });
    }
    return result;
  };
  const create = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...given) {
    const channel = create.apply(this, given);
    channel.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type !== "flush" && message.type !== "speak") return;
      const wallMs = performance.timeOrigin + performance.now();
      tap.arrived.push({ type: message.type, epoch: message.epoch, timeS: tap.context.currentTime, wallMs });
    });
    return channel;
  };
})();
