// List of hits with playback, details, search for similar sounds, and yes/no labels for teaching.
// A row dispatches the events `like-hit` and `open-hit`, with the hit as detail.

import {clock, colour, icon, make, part, word} from "./dom";
import {CHANGED, mark, verdict, type Verdict} from "./marks";
import {key, seek, toggle, watch, type Now} from "./player";
import type {Hit} from "./types";

/** Reasons of proposals: value of the server -> text. */
const WHY: Record<string, string> = {check: "hit: is it correct?", unsure: "uncertain", best: "best candidate"};

/** The list; label: for screen readers. */
export function hitList(hits: Hit[], label: string): HTMLElement {
  return make("ol.hits", {"aria-label": label}, ...hits.map(row));
}

function row(hit: Hit): HTMLElement {
  const times = `${clock(hit.onset, true)} to ${clock(hit.offset, true)}`;
  const play = make("button.play.small", {type: "button", "aria-label": `Play ${hit.name}, ${times}`, onclick: () => void toggle(hit)}, icon("play"), icon("pause"));
  const bar = make("i");
  bar.style.width = `${Math.max(0, Math.min(1, hit.score)) * 100}%`;
  const score = make("div.score", {title: `Score ${hit.score.toFixed(4)}`}, make("div.meter", {"aria-hidden": true, "--hue": "var(--accent)"}, bar), make("span.num", {}, hit.score.toFixed(2)));
  const ask = (name: string) => (event: Event) => (event.target as Element).dispatchEvent(new CustomEvent(name, {bubbles: true, detail: hit}));
  const element = make("li.hit", {"data-key": key(hit), "data-file": hit.file},
    play,
    make("div.what", {}, make("span.name", {title: hit.file}, hit.name), about(hit, times), position(hit), make("p.error", {role: "alert", hidden: true})),
    score,
    make("div.deeds", {},
      make("button.link", {type: "button", onclick: ask("like-hit"), "aria-label": `Like this: ${hit.name}, ${times}`}, "Like this"),
      make("button.link", {type: "button", onclick: ask("open-hit"), "aria-label": `Details of ${hit.name}, ${times}`}, "Details"),
      make("span.verdict", {role: "group", "aria-label": "Is it the class to teach?"}, judge(hit, "yes"), judge(hit, "no"))));
  element.addEventListener("keydown", (event) => keys(event, element, hit));
  return element;
}

function about(hit: Hit, times: string): HTMLElement {
  const length = hit.duration ? ` of ${clock(hit.duration, hit.duration < 60)}` : "";
  const tags = (hit.tags ?? []).map(word);
  const missing = hit.missing ? make("span.why", {}, "missing") : null;
  return make("div.about", {}, make("span.num", {}, `${times}${length}`), ...tags, missing, hit.why ? make("span.why", {}, WHY[hit.why] ?? hit.why) : null);
}

function position(hit: Hit): HTMLElement {
  return make("input.position", {
    type: "range", min: hit.onset, max: hit.offset, step: "any", hidden: true, "aria-label": `Position in ${hit.name}, seconds`,
    oninput: (event) => seek(Number((event.target as HTMLInputElement).value)),
  });
}

function judge(hit: Hit, said: Verdict): HTMLElement {
  return make(`button.${said}`, {
    type: "button", "data-verdict": said, "aria-pressed": String(verdict(hit) === said), onclick: () => mark(hit, said),
    title: said === "yes" ? "Yes, a positive example (y)" : "No, a negative example (n)",
  }, said === "yes" ? "Yes" : "No");
}

/** Up and down select a hit, y and n label it, t moves to the name of the class. Enter and Space activate buttons. */
function keys(event: KeyboardEvent, element: HTMLElement, hit: Hit): void {
  if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).matches("input")) return;
  const next = event.key === "ArrowDown" ? element.nextElementSibling : event.key === "ArrowUp" ? element.previousElementSibling : null;
  if (next) next.querySelector<HTMLElement>(".play")?.focus();
  else if (event.key === "y" || event.key === "n") mark(hit, event.key === "y" ? "yes" : "no");
  else if (event.key === "t") part("tray").querySelector("input")?.focus();
  else return;
  event.preventDefault();
}

function follow(now: Now): void {
  for (const element of document.querySelectorAll<HTMLElement>(`.hit[data-key="${CSS.escape(now.key)}"]`)) {
    if (element.dataset.file !== now.file) continue;
    const slider = element.querySelector<HTMLInputElement>(".position")!, error = element.querySelector<HTMLElement>(".error")!;
    element.classList.toggle("playing", now.playing);
    slider.hidden = now.at === null;
    if (now.at !== null) {
      slider.value = String(now.at);
      slider.setAttribute("aria-valuetext", clock(now.at, true));
      const from = Number(slider.min), to = Number(slider.max);
      slider.style.setProperty("--done", `${Math.min(100, ((now.at - from) / (to - from)) * 100)}%`);
    }
    error.hidden = !now.error;
    error.textContent = now.error ?? "";
  }
}

/** Make rows follow what plays and what was judged. */
export function startHits(): void {
  watch(follow);
  document.addEventListener(CHANGED, () => {
    for (const button of part("content").querySelectorAll<HTMLElement>("[data-verdict]")) {
      const [, id, onset, offset] = button.closest<HTMLElement>(".hit")!.dataset.key!.match(/^(.*)@(.*)-(.*)$/)!;
      const said = verdict({id: id!, onset: Number(onset), offset: Number(offset)});
      button.setAttribute("aria-pressed", String(said === button.dataset.verdict));
    }
  });
}

/** A stand-in while hits are on their way, and a line where there are none. */
export const nothing = (text: string, ...more: (Node | string)[]) => make("div.empty", {}, make("p", {}, text), ...more);

export const tinted = (label: string) => make("span.dot", {"--hue": colour(label)});
