// Intervals marked as positive or negative examples, until they are sent with Teach.

import {key} from "./player";
import type {Hit, Stretch} from "./types";

export type Verdict = "yes" | "no";

const marks = new Map<string, {stretch: Stretch; verdict: Verdict}>();

/** Event on document after every change. */
export const CHANGED = "marks-changed";

export const verdict = (hit: Stretch) => marks.get(key(hit))?.verdict ?? null;

/** Mark a hit with yes or no; the same mark again removes it. */
export function mark(hit: Hit, said: Verdict): void {
  if (verdict(hit) === said) marks.delete(key(hit));
  else marks.set(key(hit), {stretch: {id: hit.id, onset: hit.onset, offset: hit.offset}, verdict: said});
  document.dispatchEvent(new Event(CHANGED));
}

export function clear(): void {
  marks.clear();
  document.dispatchEvent(new Event(CHANGED));
}

/** The intervals with this mark, in the order of marking. */
export const marked = (wanted: Verdict) => [...marks.values()].filter((one) => one.verdict === wanted).map((one) => one.stretch);
