// Tables of labels with their scores.

import {clock, colour, make} from "./dom";
import type {Heard, Label} from "./types";

const SHOWN = 10;

/** What was asked for, and the best of the vocabulary. */
export function scores(heard: Heard, before: HTMLElement): HTMLElement {
  const best = heard.silent ? [] : heard.tags.filter((tag, place) => tag.present || place < SHOWN);
  const asked = make("section", {}, make("h3", {}, "Ask for any sound"), before, heard.labels?.length ? table("Sounds you asked for", heard.labels, true) : null);
  const title = best.length ? `Best ${best.length} of the vocabulary` : "Of the vocabulary";
  const known = make("section", {}, make("h3", {}, title), best.length ? table(title, best, false) : make("p.soft", {}, heard.silent ? "Nothing in it is loud enough to be heard." : "Nothing was heard that has a name."));
  return make("div.scores", {}, asked, known);
}

function table(title: string, labels: Label[], asked: boolean): HTMLElement {
  return make("table", {"aria-label": title}, make("tbody", {}, ...labels.map((label) => row(label, asked))));
}

/** Of a label that was asked for: whether it is present, what it was scored by where that is not the label itself, and when it sounds. */
export function verdict(label: Label): string {
  const as = label.named && label.named.toLowerCase() !== label.label.toLowerCase() ? `, as ${label.named}` : "";
  const times = (label.times ?? []).slice(0, 3).map(([onset, offset]) => ` ${clock(onset, true)}–${clock(offset, true)}`);
  return `${label.present ? "present" : "not present"}${as}${label.scored_by === "text" ? ", by its text" : ""}${times.length ? `,${times}` : ""}`;
}

function row(label: Label, asked: boolean): HTMLElement {
  const bar = make("i");
  bar.style.width = `${label.score * 100}%`;
  return make(`tr.${label.present ? "present" : "absent"}`, label.present ? {"--hue": colour(label.label)} : {},
    make("th", {scope: "row"}, make("span.word", {}, make("span.dot"), label.label)),
    make("td", {}, make("div.meter", {"aria-hidden": true}, bar)),
    make("td.value.num", {}, label.score.toFixed(2)),
    make("td.verdict", {}, asked ? verdict(label) : make("span.unseen", {}, label.present ? "present" : "not present")));
}
