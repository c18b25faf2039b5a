// Installed by tests only: records the RMS of every 128 samples that reach the loudspeaker, and when
// each message of the data channel arrived, on the clock of the same AudioContext.
(() => {
  const tap = { blocks: [], arrived: [] };
  window.tapped = tap;
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    const result = connect.call(this, target, ...rest);
    if (target === this.context.destination) {
      const { context } = this;
      tap.context = context;
      context.audioWorklet.addModule("/static/tap-worklet.js").then(() => {
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
