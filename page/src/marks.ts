// Which stretches were said to be the sound that is taught, and which not. They wait in the tray until they are taught.

import {key} from "./player";
import type {Hit, Stretch} from "./types";

export type Verdict = "yes" | "no";

const marks = new Map<string, {stretch: Stretch; verdict: Verdict}>();

/** Told on document after every change. */
export const CHANGED = "marks-changed";

export const verdict = (hit: Stretch) => marks.get(key(hit))?.verdict ?? null;

/** Say yes or no to a hit; the same again takes it back. */
export function mark(hit: Hit, said: Verdict): void {
  if (verdict(hit) === said) marks.delete(key(hit));
  else marks.set(key(hit), {stretch: {id: hit.id, onset: hit.onset, offset: hit.offset}, verdict: said});
  document.dispatchEvent(new Event(CHANGED));
}

export function clear(): void {
  marks.clear();
  document.dispatchEvent(new Event(CHANGED));
}

/** The stretches with this verdict, in the order in which they were given. */
export const marked = (wanted: Verdict) => [...marks.values()].filter((one) => one.verdict === wanted).map((one) => one.stretch);
