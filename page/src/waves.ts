// A recording's waveform and spectrogram, drawn by wavesurfer.js.

import WaveSurfer from "wavesurfer.js";
import Spectrogram from "wavesurfer.js/plugins/spectrogram";

/** Hz up to which spectrograms reach, and the rate at which recordings are decoded for them. */
export const HIGHEST = 8000;
const LONG = 600; // seconds from which half the rate is used, to save memory and time

const GREYS = Array.from({length: 256}, (_, place) => [place / 255, place / 255, place / 255, 1]); // the style sheet colours them
const mel = (hertz: number) => Math.log10(1 + hertz / 700);

/** How high a frequency lies in a spectrogram, 0 to 1. */
export const height = (hertz: number) => mel(hertz) / mel(HIGHEST);

// What wavesurfer would write as an inline <style> (build.mjs takes that out).
const rules = `
  :host { user-select: none; min-width: 1px; }
  .scroll { overflow: hidden; width: 100%; position: relative; }
  .wrapper, .canvases > div, .progress > div { position: relative; }
  .canvases { pointer-events: none; min-height: var(--wave, 56px); }
  canvas { display: block; position: absolute; top: 0; }
  .progress { pointer-events: none; position: absolute; z-index: 2; inset: 0 auto 0 0; width: 0; overflow: hidden; }
  .cursor { pointer-events: none; position: absolute; z-index: 5; top: 0; left: 0; height: 100%; }
`;

/** A wavesurfer with the colours of the light or dark theme. */
export function surfer(container: HTMLElement, options: Partial<ConstructorParameters<typeof WaveSurfer>[0]> = {}): WaveSurfer {
  const waves = WaveSurfer.create({container, height: 56, cursorWidth: 0, interact: false, autoScroll: false, ...colours(container), ...options});
  const root = waves.getWrapper().getRootNode() as ShadowRoot;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules);
  root.adoptedStyleSheets = [sheet];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const recolour = () => waves.setOptions(colours(container));
  dark.addEventListener("change", recolour);
  waves.on("destroy", () => dark.removeEventListener("change", recolour));
  return waves;
}

function colours(element: HTMLElement) {
  const style = getComputedStyle(element);
  return {waveColor: style.getPropertyValue("--wave-ahead").trim(), progressColor: style.getPropertyValue("--accent").trim()};
}

/** Samples of a recording, all channels as one, or null where this browser cannot decode it. */
export async function decoded(sound: Blob, duration: number): Promise<{samples: Float32Array<ArrayBuffer>; rate: number} | null> {
  const rate = duration > LONG ? HIGHEST : 2 * HIGHEST;
  try {
    const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(await sound.arrayBuffer());
    const samples = buffer.getChannelData(0), channels = buffer.numberOfChannels;
    for (let channel = 1; channel < channels; channel++) {
      const more = buffer.getChannelData(channel);
      for (let place = 0; place < samples.length; place++) samples[place]! += more[place]!;
    }
    for (let place = 0; channels > 1 && place < samples.length; place++) samples[place]! /= channels;
    return {samples, rate};
  } catch {
    return null;
  }
}

/** Draw both pictures of samples. They fill the width of their container and are redrawn when it changes. done: called when both are drawn. */
export function draw(
  wave: HTMLElement, picture: HTMLElement, media: HTMLMediaElement, sound: {samples: Float32Array; rate: number}, done: () => void,
): WaveSurfer {
  const spectrogram = Spectrogram.create({
    container: picture, height: picture.clientHeight || 184, labels: false, scale: "mel", fftSamples: 512, windowFunc: "hann",
    frequencyMax: Math.min(HIGHEST, sound.rate / 2), colorMap: GREYS, autoGain: true, rangeDB: 62, preEmphasis: 3, useWebWorker: true, workerTimeout: 120_000,
  });
  spectrogram.once("ready", done);
  return surfer(wave, {
    media, peaks: [sound.samples], duration: sound.samples.length / sound.rate, normalize: true, plugins: [spectrogram],
    barWidth: 2, barGap: 1, barRadius: 1,
  });
}
