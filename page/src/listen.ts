// Analysis of dropped, chosen or recorded audio: each recording is sent to the server and gets a card with timeline and scores.

import {Problem, sent} from "./api";
import {board, type Board} from "./board";
import {busy, clock, complain, count, icon, make, part, percent, say, told} from "./dom";
import {record, type Recording} from "./record";
import {scores, verdict} from "./scores";
import type {Health, Heard} from "./types";

type Server = Pick<Health, "archive" | "limits">;

/** Set up file selection, the drop zone and the microphone. */
export function startListening(server: Server): void {
  const file = part<HTMLInputElement>("file");
  file.addEventListener("change", () => { hearAll([...(file.files ?? [])], server); file.value = ""; });
  part("drop").addEventListener("submit", (event) => event.preventDefault());
  takeDrops((files) => hearAll(files, server));
  const button = part<HTMLButtonElement>("record");
  let recording: Recording | null = null;
  button.addEventListener("click", () => busy(button, async () => {
    complain(part("drop-error"), null);
    try {
      const done = recording;
      recording = done ? null : await begin();
      if (done) hearAll([await done.stop()], server);
    } catch (error) {
      complain(part("drop-error"), error);
    }
    part("microphone").hidden = recording === null;
  }).then(() => {
    button.classList.toggle("on", recording !== null);
    button.querySelector("span")!.textContent = recording ? "Stop and analyse" : "Record";
    button.focus();
  }));
}

async function begin(): Promise<Recording> {
  const place = part("microphone");
  place.hidden = false;
  return record(place.querySelector<HTMLElement>(".live")!, place.querySelector<HTMLElement>("span")!);
}

function takeDrops(take: (files: File[]) => void): void {
  const zone = part("drop");
  const carries = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("over"); });
  addEventListener("drop", (event) => {
    zone.classList.remove("over");
    if (!carries(event)) return;
    event.preventDefault();
    location.hash = "#listen";
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

function hearAll(files: File[], server: Server): void {
  for (const file of files) hear(file, server);
}

/** Show a card for a recording at once, and its analysis when the server responds. */
export function hear(file: File, server: Server): void {
  const card = new Card(file, server);
  part("heard").prepend(card.element);
  void card.hear();
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;

class Card {
  readonly element: HTMLElement;
  private readonly facts = make("div.facts");
  private readonly body = make("div");
  private readonly stopped = new AbortController();
  private drawn: Board | null = null;
  private asked: string[] = [];

  constructor(private readonly file: File, private readonly server: Server) {
    const close = make("button.close", {type: "button", "aria-label": `Remove ${file.name}`, title: "Remove", onclick: () => this.close()}, icon("close"));
    this.element = make("article.file", {"aria-label": file.name}, make("header", {}, make("h2", {title: file.name}, file.name), close, this.facts), this.body);
  }

  async hear(): Promise<void> {
    const bar = make("i"), line = make("p", {role: "status"}, "Uploading ...");
    const meter = make("div.meter.big", {role: "progressbar", "aria-label": `Analysing ${this.file.name}`, "aria-valuemin": 0, "aria-valuemax": 100}, bar);
    this.body.replaceChildren(make("div.progress", {}, meter, line));
    const begun = performance.now();
    let share = 0;
    const show = () => {
      const seconds = Math.floor((performance.now() - begun) / 1000);
      meter.classList.toggle("endless", share >= 1);
      bar.style.width = share < 1 ? `${share * 100}%` : "";
      if (share < 1) meter.setAttribute("aria-valuenow", String(Math.round(share * 100))); else meter.removeAttribute("aria-valuenow");
      line.textContent = (share < 1 ? `Uploading, ${percent(share)}` : "Analysing") + (seconds >= 2 ? `, ${clock(seconds)}` : "");
    };
    const timer = setInterval(show, 1000);
    try {
      this.show(await this.ask((now) => { share = now; show(); }));
    } catch (error) {
      this.fail(error);
    } finally {
      clearInterval(timer);
    }
  }

  private async ask(progress?: (share: number) => void): Promise<Heard> {
    const most = this.server.limits.bytes;
    if (this.file.size > most) throw new Error(`${this.file.name}: has ${megabytes(this.file.size)}; wanted at most ${megabytes(most)}; shorten or compress it.`);
    const query = new URLSearchParams({name: this.file.name});
    for (const label of this.asked) query.append("labels", label);
    const heard = await sent<Heard>(`listen?${query}`, this.file, {progress, signal: this.stopped.signal});
    const own = <Item extends { implied_by?: string }>(items: Item[]): Item[] => items.filter((item) => !item.implied_by);
    return {...heard, tags: own(heard.tags), events: own(heard.events), ...(heard.perhaps && {perhaps: own(heard.perhaps)})};
  }

  private show(heard: Heard): void {
    const present = heard.tags.filter((tag) => tag.present).map((tag) => tag.label);
    say(`${this.file.name}: ${present.length ? present.join(", ") : heard.silent ? "silent" : nothing(heard)}`);
    this.tell(heard);
    this.drawn = board(this.file, heard);
    const error = heard.error ? [make("p.error", {role: "alert"}, heard.error)] : [];
    this.body.replaceChildren(...error, this.drawn.element, scores(heard, this.askForm()));
  }

  private tell(heard: Heard): void {
    const facts: (string | Node)[] = [make("span.num", {}, clock(heard.duration, heard.duration < 120))];
    if (heard.coverage < 1) facts.push(make("span.badge", {}, `${percent(heard.coverage)} analysed`));
    facts.push(...remarks(heard));
    if (heard.silent) facts.push("silent");
    else if (heard.events.length) facts.push(count(heard.events.length, "event"));
    else if (!heard.tags.some((tag) => tag.present)) facts.push(nothing(heard));
    if (this.server.archive) facts.push(make("button.link", {type: "button", onclick: () => this.element.dispatchEvent(new CustomEvent("like-file", {bubbles: true, detail: this.file}))}, "Search the archive for similar sounds"));
    this.facts.replaceChildren(...facts);
  }

  private askForm(): HTMLElement {
    const input = make("input", {type: "text", "aria-label": "Your labels, separated by commas", placeholder: "dog bark, rain on a roof", autocomplete: "off", maxlength: 500}) as HTMLInputElement;
    const button = make("button.button", {type: "submit"}, "Score") as HTMLButtonElement;
    const error = make("p.error", {role: "alert", hidden: true});
    const submit = async (event: Event) => {
      event.preventDefault();
      const before = this.asked;
      const text = input.value.trim();
      if (!text) return input.focus();
      this.asked = [...new Set([text, ...before])];
      complain(error, null);
      try {
        const heard = await busy(button, () => this.ask());
        say((heard.labels ?? []).map((label) => `${label.label}: ${verdict(label)}, ${label.score.toFixed(2)}`).join("; "));
        this.tell(heard);
        this.body.querySelector(".scores")?.replaceWith(scores(heard, this.askForm()));
        this.body.querySelector<HTMLInputElement>(".ask input")?.focus();
      } catch (refused) {
        this.asked = before;
        complain(error, refused);
      }
    };
    return make("form.ask", {onsubmit: submit}, make("div.line", {}, input, button), error);
  }

  private fail(error: unknown): void {
    if (this.stopped.signal.aborted) return;
    const again = error instanceof Problem && [0, 401, 408, 429, 503].includes(error.status);
    const retry = make("button.button", {type: "button", onclick: () => void this.hear()}, "Try again");
    this.body.replaceChildren(make("p.error", {role: "alert"}, told(error)), ...(again ? [make("div.actions.after", {}, retry)] : []));
  }

  private close(): void {
    this.stopped.abort();
    this.drawn?.close();
    this.element.remove();
    part("file").focus();
  }
}

/** Text for a recording in which no label is present. */
function nothing(heard: Heard): string {
  const guesses = (heard.perhaps ?? []).map((label) => `${label.label} ${label.score.toFixed(2)}`).join(", ");
  return guesses ? `nothing recognised; perhaps: ${guesses}` : "nothing recognised";
}

/** Short notes on what limits the results of a recording, as auricle.core.remarks. */
function remarks(heard: Heard): string[] {
  const {band, gaps = [], tracks = 1, unread = [], negated = []} = heard;
  return [
    ...(gaps.length ? [`${gaps.reduce((sum, [start, end]) => sum + end - start, 0).toFixed(1)} s not recorded`] : []),
    ...(band && band.above >= 0.1 ? [`${percent(band.above)} of its energy is above ${band.high / 1000} kHz, not analysed`] : []),
    ...(tracks > 1 ? [`first of ${tracks} audio tracks`] : []),
    ...(unread.length ? [`not in the language of the model: ${unread.join("; ")}`] : []),
    ...(negated.length ? [`not scored, since negated: ${negated.join("; ")}; ask for the sound itself`] : []),
  ];
}
