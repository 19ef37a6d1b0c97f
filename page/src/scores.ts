// Tables of labels with their scores.

import {colour, make} from "./dom";
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

function row(label: Label, asked: boolean): HTMLElement {
  const bar = make("i");
  bar.style.width = `${label.score * 100}%`;
  return make(`tr.${label.present ? "present" : "absent"}`, label.present ? {"--hue": colour(label.label)} : {},
    make("th", {scope: "row"}, make("span.word", {}, make("span.dot"), label.label)),
    make("td", {}, make("div.meter", {"aria-hidden": true}, bar)),
    make("td.value.num", {}, label.score.toFixed(2)),
    make("td.verdict", {}, asked ? (label.present ? "present" : "not present") : make("span.unseen", {}, label.present ? "present" : "not present")));
}
