/**
 * One WebRTC connection of a call: offer, data channel, remote track. A call that survives a network
 * change uses several of these, one after the other; what they are for is `call.js`'s affair.
 */

import { parsed } from "/static/api.js";

/** Chromium's own TCP candidate alone takes ~115 ms; without any interface gathering never completes. */
const GATHER_LIMIT_MS = 1500;

export class Connection {
  /**
   * @param {{track: MediaStreamTrack, iceServers: RTCIceServer[], onTrack: (track: MediaStreamTrack) => void,
   *   onMessage: (message: any) => void, onState: (state: string) => void}} parts
   */
  constructor({ track, iceServers, onTrack, onMessage, onState }) {
    this.peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    const stream = new MediaStream([track]);
    this.sender = this.peer.addTransceiver(track, { direction: "sendrecv", streams: [stream] }).sender;
    this.peer.addEventListener("track", (event) => onTrack(event.track));
    this.peer.addEventListener("connectionstatechange", () => onState(this.peer.connectionState));
    this.channel = this.peer.createDataChannel("wardline", { ordered: true });
    this.channel.addEventListener("open", () => onState("channel"));
    this.channel.addEventListener("close", () => onState("channel_closed"));
    this.channel.addEventListener("message", ({ data }) => {
      const message = typeof data === "string" ? parsed(data) : null;
      if (message) onMessage(message);
    });
  }

  /** @param {(sdp: string) => Promise<{type: "answer", sdp: string}>} exchange */
  async open(exchange) {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await this.#gathered();
    const answer = await exchange(this.peer.localDescription?.sdp ?? "");
    if (this.peer.signalingState === "closed") return;
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  }

  #gathered() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, GATHER_LIMIT_MS);
      const look = () => {
        if (this.peer.iceGatheringState !== "complete") return;
        clearTimeout(timer);
        resolve(undefined);
      };
      this.peer.addEventListener("icegatheringstatechange", look);
      look();
    });
  }

  /** @returns {boolean} false when the channel is not open: the message is dropped */
  send(message) {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(message));
    return true;
  }

  get ready() {
    return this.peer.connectionState === "connected" && this.channel.readyState === "open";
  }

  close() {
    this.channel.close();
    this.peer.close();
  }
}
