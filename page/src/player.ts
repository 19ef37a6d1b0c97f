// One audio player for the whole page: a hit plays from its onset to its offset, and any other playback stops.

import {bytes, token} from "./api";
import {part} from "./dom";
import type {Hit, Stretch} from "./types";

const LONGEST = 60; // seconds of an excerpt, limit of the server

/** Key of an interval. Copies of a recording share it, and so their marks. */
export const key = (stretch: Stretch) => `${stretch.id}@${stretch.onset}-${stretch.offset}`;

/** What a row of hits shows. at: seconds of the recording, null when playback is over. error: why it cannot play. */
export interface Now { key: string; file: string; at: number | null; playing: boolean; error?: string }
type Told = (now: Now) => void;

const listeners = new Set<Told>();
let playing: HTMLMediaElement | null = null;
let current: {hit: Hit; base: number; cut: boolean; address?: string} | null = null;

/** Stop all playback except of this element. */
export function quiet(next: HTMLMediaElement): void {
  if (playing && playing !== next) playing.pause();
  playing = next;
}

/** Call `told` as hits play. */
export const watch = (told: Told) => listeners.add(told);

export const cutAddress = (hit: Stretch) => {
  const offset = Math.min(hit.offset, hit.onset + LONGEST);
  return `sound/${hit.id}/cut?onset=${hit.onset}&offset=${offset}`;
};

/** Play a hit from its onset; pause or continue it if it is the current one. */
export async function toggle(hit: Hit): Promise<void> {
  const audio = voice();
  if (current && current.hit.file === hit.file && key(current.hit) === key(hit) && !audio.ended && at(audio) < hit.offset - 0.05) {
    if (!audio.paused) return audio.pause();
    quiet(audio);
    return start(audio);
  }
  stop();
  quiet(audio);
  await load(hit, token() !== null);
}

/** Seek in the recording of the current hit. */
export function seek(seconds: number): void {
  const audio = voice();
  if (current) audio.currentTime = Math.max(0, seconds - current.base);
  tell();
}

export function stop(): void {
  const audio = voice(), before = current;
  current = null;
  audio.pause();
  audio.removeAttribute("src");
  if (before?.address) URL.revokeObjectURL(before.address);
  if (before) for (const told of listeners) told({key: key(before.hit), file: before.hit.file, at: null, playing: false});
}

/** cut: as a wav of the interval alone, for formats that browsers do not play, and where a token is needed. */
async function load(hit: Hit, cut: boolean): Promise<void> {
  const audio = voice();
  const mine = current = {hit, base: cut ? hit.onset : 0, cut, address: undefined as string | undefined};
  try {
    if (cut) {
      const sound = await bytes(cutAddress(hit));
      if (current !== mine) return;
      mine.address = URL.createObjectURL(sound);
      audio.src = mine.address;
    } else {
      audio.src = `sound/${hit.id}`;
    }
    audio.currentTime = hit.onset - mine.base; // before anything is loaded this is where playback will begin
    await start(audio);
  } catch (error) {
    if (current === mine) refuse(hit, error instanceof Error ? error.message : String(error));
  }
}

async function start(audio: HTMLMediaElement): Promise<void> {
  try {
    await audio.play();
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") throw error;
  } // what cannot be loaded or decoded comes as an `error` event, and an aborted play is none
}

function refuse(hit: Hit, error: string): void {
  stop();
  for (const told of listeners) told({key: key(hit), file: hit.file, at: null, playing: false, error});
}

function at(audio: HTMLMediaElement): number {
  return audio.currentTime + (current?.base ?? 0);
}

function tell(): void {
  const audio = voice();
  if (!current) return;
  for (const told of listeners) told({key: key(current.hit), file: current.hit.file, at: at(audio), playing: !audio.paused});
}

function step(): void {
  const audio = voice();
  if (!current) return;
  tell();
  if (audio.paused) return;
  if (at(audio) >= current.hit.offset) return stop();
  requestAnimationFrame(step);
}

function failed(): void {
  if (!current || !voice().getAttribute("src")) return;
  const {hit, cut} = current;
  if (cut) refuse(hit, "This browser cannot play it.");
  else void load(hit, true);
}

let ready = false;
function voice(): HTMLAudioElement {
  const audio = part<HTMLAudioElement>("player");
  if (ready) return audio;
  ready = true;
  audio.addEventListener("playing", step);
  audio.addEventListener("pause", tell);
  audio.addEventListener("ended", stop);
  audio.addEventListener("error", failed);
  return audio;
}
