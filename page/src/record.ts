// Microphone recording as wav: the formats of MediaRecorder would need an extra package on the server.

import Record from "wavesurfer.js/plugins/record";
import {clock, make} from "./dom";
import {surfer} from "./waves";

const PLAIN = {echoCancellation: false, noiseSuppression: false, autoGainControl: false}; // filters could remove the sounds to analyse

export interface Recording { stop(): Promise<File> }

/** Start to record; `place` shows the waveform as it comes and the time. Error: one line that says why not. */
export async function record(place: HTMLElement, time: HTMLElement): Promise<Recording> {
  if (!navigator.mediaDevices) throw new Error("Browsers give the microphone to pages on localhost or over https only; open this page so.");
  const live = make("div.live-wave");
  place.replaceChildren(live);
  const waves = surfer(live, {height: 48, barWidth: 2, barGap: 1, barRadius: 1});
  const recorder = waves.registerPlugin(Record.create({renderRecordedAudio: false, scrollingWaveform: true, scrollingWaveformWindow: 8}));
  recorder.on("record-progress", (milliseconds) => { time.textContent = clock(milliseconds / 1000, true); });
  try {
    await recorder.startRecording(PLAIN);
  } catch (error) {
    waves.destroy();
    throw new Error(why(error));
  }
  return {
    stop: async () => {
      const blob = await new Promise<Blob>((resolve) => { recorder.once("record-end", resolve); recorder.stopRecording(); });
      recorder.stopMic();
      waves.destroy();
      return asWav(blob);
    },
  };
}

function why(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return "The browser was not allowed to use the microphone; allow it beside the address, then try again.";
  if (name === "NotFoundError") return "There is no microphone; connect one, then try again.";
  return `The microphone cannot be used (${error instanceof Error ? error.message : error}).`;
}

async function asWav(blob: Blob): Promise<File> {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await blob.arrayBuffer());
    const stamp = new Date().toTimeString().slice(0, 8).replaceAll(":", ".");
    return new File([wav(sound)], `recorded at ${stamp}.wav`, {type: "audio/wav"});
  } catch {
    throw new Error("Nothing was recorded; record for a second at least.");
  } finally {
    await context.close();
  }
}

/** One channel of 16-bit PCM with a standard 44-byte header. */
function wav(sound: AudioBuffer): ArrayBuffer {
  const samples = sound.getChannelData(0), size = samples.length * 2;
  const view = new DataView(new ArrayBuffer(44 + size));
  const text = (at: number, letters: string) => [...letters].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + size, true);
  text(8, "WAVEfmt "); view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, sound.sampleRate, true); view.setUint32(28, sound.sampleRate * 2, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, size, true);
  samples.forEach((value, place) => view.setInt16(44 + place * 2, Math.max(-1, Math.min(1, value)) * 32767, true));
  return view.buffer as ArrayBuffer;
}
