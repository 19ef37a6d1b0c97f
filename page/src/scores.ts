// Tables of labels with their scores.

import {clock, colour, make} from "./dom";
import type {Heard, Label} from "./types";

const SHOWN = 10;

/** The queried labels, and the best labels of the vocabulary. */
export function scores(heard: Heard, before: HTMLElement): HTMLElement {
  const best = heard.silent ? [] : heard.tags.filter((tag, place) => tag.present || place < SHOWN);
  const asked = make("section", {}, make("h3", {}, "Your labels"), before, heard.labels?.length ? table("Your labels", heard.labels, true) : null);
  const title = best.length ? `Best ${best.length} of the vocabulary` : "Vocabulary";
  const known = make("section", {}, make("h3", {}, title), best.length ? table(title, best, false) : make("p.soft", {}, heard.silent ? "The recording is silent." : "No label was scored."));
  return make("div.scores", {}, asked, known);
}

function table(title: string, labels: Label[], asked: boolean): HTMLElement {
  return make("table", {"aria-label": title}, make("tbody", {}, ...labels.map((label) => row(label, asked))));
}

/** Text on whether a queried label is present, how it was scored unless by a label of the same name, and when. */
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
