// A microphone that a test speaks into: the page gets its stream, the test plays recordings on it.
(() => {
  let context, line;
  navigator.mediaDevices.getUserMedia = async () => {
    context = new AudioContext();
    await context.resume();
    line = context.createMediaStreamDestination();
    return line.stream;
  };
  window.wardlineSay = async (wav) => {
    const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(bytes.buffer);
    source.connect(line);
    await new Promise((done) => { source.onended = done; source.start(); });
  };
})();
