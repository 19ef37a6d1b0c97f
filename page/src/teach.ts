// Teaching: the bar with the labelled examples, and the view of the taught classes.

import {fetched, posted} from "./api";
import {busy, complain, count, make, part, say, told} from "./dom";
import {hitList, nothing} from "./hits";
import {CHANGED, clear, marked} from "./marks";
import {withoutArchive} from "./search";
import type {Hit, Precision, Taught} from "./types";

const FOUND = 0.5; // score from which a taught class is present

let known: Taught[] = [];
let chosen = "";

export function startTeaching(archive: boolean): void {
  if (!archive) return part("lessons").replaceChildren(withoutArchive());
  tray();
  addEventListener("hashchange", () => { if (location.hash === "#taught") void showTaught(); });
  if (location.hash === "#taught") void showTaught();
}

// The tray

function tray(): void {
  const form = part<HTMLFormElement>("tray");
  const name = make("input", {type: "text", "aria-label": "Name of the class", placeholder: "name, such as door squeak", autocomplete: "off", required: true, maxlength: 80, list: "names"}) as HTMLInputElement;
  const teach = make("button.button.primary", {type: "submit"}, "Teach") as HTMLButtonElement;
  const error = make("p.error", {role: "alert", hidden: true}), gathered = make("span.gathered.num", {role: "status"});
  form.append(make("div.line", {}, gathered, name, teach, make("button.button.plain", {type: "button", onclick: clear}, "Clear")), error, make("datalist", {id: "names"}));
  const show = () => {
    const yes = marked("yes").length, no = marked("no").length;
    form.hidden = yes + no === 0 || !["#search", "#taught"].includes(location.hash);
    document.body.classList.toggle("with-tray", !form.hidden);
    gathered.replaceChildren(make("b.yes", {}, `${yes} yes`), make("b.no", {}, `${no} no`));
    if (yes + no === 0) name.value = "";
    else if (!name.value && location.hash === "#taught") name.value = chosen;
    complain(error, null);
  };
  document.addEventListener(CHANGED, show);
  addEventListener("hashchange", show);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    complain(error, null);
    try {
      const taught = await busy(teach, () => posted<Taught>("teach", {name: name.value.trim(), yes: marked("yes"), no: marked("no")}));
      clear();
      chosen = taught.name;
      say(`${taught.name} was taught, version ${taught.version}`);
      if (location.hash === "#taught") await showTaught();
      else location.hash = "#taught";
    } catch (refused) {
      complain(error, refused);
    }
  });
}

// The view

async function showTaught(): Promise<void> {
  const list = part("lessons");
  list.setAttribute("aria-busy", "true");
  try {
    known = (await fetched<{taught: Taught[]}>("taught")).taught;
    part("names").replaceChildren(...known.map((taught) => make("option", {value: taught.name})));
    list.replaceChildren(known.length ? make("ul.lessons", {"aria-label": "Taught classes"}, ...known.map(entry)) : untaught());
    const taught = known.find((one) => one.name === chosen) ?? known[0];
    if (taught) choose(taught); else part("lesson").replaceChildren();
    if (document.activeElement === document.body) part("lesson").querySelector("h2")?.focus({preventScroll: true}); // the tray had it
  } catch (error) {
    list.replaceChildren(make("p.error", {role: "alert"}, told(error)));
  } finally {
    list.removeAttribute("aria-busy");
  }
}

function untaught(): HTMLElement {
  const go = make("a.button", {href: "#search"}, "Search for a first example");
  return nothing("There are no taught classes yet.", make("p.soft", {}, "Search, mark hits with Yes or No, enter a name, and press Teach."), go);
}

function entry(taught: Taught): HTMLElement {
  return make("li", {}, make("button.lesson", {type: "button", "data-name": taught.name, "aria-pressed": "false", onclick: () => choose(taught)},
    make("span.name", {title: taught.name}, taught.name),
    make("span.soft.num", {}, `${count(taught.yes, "yes", "yes")}, ${count(taught.no, "no", "no")} · version ${taught.version}`)));
}

function choose(taught: Taught): void {
  chosen = taught.name;
  for (const button of part("lessons").querySelectorAll<HTMLElement>(".lesson")) button.setAttribute("aria-pressed", String(button.dataset.name === chosen));
  const shown = make("div.shown"), where = make("div");
  const find = make("button.button.primary", {type: "button"}, "Search") as HTMLButtonElement;
  const more = make("button.button", {type: "button"}, "Label more") as HTMLButtonElement;
  find.onclick = () => fill(shown, find, async () => {
    const {hits} = await posted<{hits: Hit[]}>("find", {name: taught.name, k: 50});
    const sure = hits.filter((hit) => hit.score >= FOUND).length;
    const line = `${count(sure, "hit")} for ${taught.name}` + (sure < hits.length ? "; the following are less likely" : "");
    return {hits, line, none: "The archive is empty."};
  });
  more.onclick = () => fill(shown, more, async () => {
    const {proposals} = await fetched<{proposals: Hit[]}>(`taught/${encodeURIComponent(taught.name)}/proposals?k=10`);
    return {hits: proposals, line: "Mark these with Yes or No, in order, then press Teach. The precision is shown from five checked hits on.", none: "There is nothing left to label."};
  });
  where.append(make("h2", {tabindex: -1}, taught.name), precisionText(taught), make("div.actions", {}, find, more));
  part("lesson").replaceChildren(make("article.card.taught", {"aria-label": taught.name}, where), shown);
}

async function fill(where: HTMLElement, button: HTMLButtonElement, ask: () => Promise<{hits: Hit[]; line: string; none: string}>): Promise<void> {
  try {
    const {hits, line, none} = await busy(button, ask);
    say(hits.length ? line : none);
    where.replaceChildren(...(hits.length ? [make("div.summary", {}, make("p.soft", {}, line)), hitList(hits, line)] : [nothing(none)]));
  } catch (error) {
    where.replaceChildren(make("p.error", {role: "alert"}, told(error)));
  }
}

/** Precision of the hits, with its interval. */
function precisionText({yes, no, precision}: Taught): HTMLElement {
  const learned = `Trained on ${count(yes, "yes", "yes")} and ${count(no, "no", "no")}.`;
  if (!precision) return make("p.soft", {}, `${learned} The precision is shown once five hits are checked.`);
  const out = (value: number) => `${Math.round(value * 100)}`;
  const line = `Precision of version ${precision.version}: ${out(precision.value)} % (${out(precision.low)} % to ${out(precision.high)} %, ${precision.n} checked).`;
  return make("div.certainty", {}, make("p.soft", {}, learned), interval(precision), make("p.num", {}, line));
}

function interval({value, low, high}: Precision): HTMLElement {
  const band = make("i"), point = make("b");
  band.style.left = `${low * 100}%`;
  band.style.width = `${(high - low) * 100}%`;
  point.style.left = `${value * 100}%`;
  return make("div.interval", {"aria-hidden": true}, band, point);
}
