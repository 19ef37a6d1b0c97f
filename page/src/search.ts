// Search of the archive by text, by a hit or a file as example, or by both.

import {posted, sent} from "./api";
import {busy, clock, complain, count, icon, make, part, say, words} from "./dom";
import {hitList, nothing} from "./hits";
import {stop} from "./player";
import type {Hit} from "./types";

let like: {hit: Hit} | {file: File} | null = null;
const box = (id: string) => part<HTMLInputElement>(id);

export function startSearching(archive: boolean): void {
  if (!archive) {
    part("query").hidden = true;
    part("found").replaceChildren(withoutArchive());
    return;
  }
  part("query").addEventListener("submit", (event) => { event.preventDefault(); void search(); });
  const example = box("example");
  example.addEventListener("change", () => {
    const [file] = example.files ?? [];
    if (file) void likeFile(file);
    example.value = "";
  });
  part("found").replaceChildren(nothing("Enter a text query. Playback of a hit starts at its onset."));
}

/** Instructions for a server without an archive. */
export const withoutArchive = () =>
  nothing("This server has no archive.", make("p.soft", {}, "Index a folder of recordings, then serve the archive:"),
    make("pre", {}, "auricle index recordings --archive sounds.archive\nauricle serve --archive sounds.archive"));

/** Search for sounds similar to a hit. */
export function likeHit(hit: Hit): Promise<void> {
  return searchLike({hit});
}

/** Search for sounds similar to a file. */
export function likeFile(file: File): Promise<void> {
  return searchLike({file});
}

function searchLike(example: typeof like): Promise<void> {
  like = example;
  box("text").value = "";
  const done = search();
  scrollTo({top: 0});
  box("text").focus({preventScroll: true});
  return done;
}

async function search(): Promise<void> {
  location.hash = "#search";
  chip();
  const text = box("text").value.trim(), found = part("found");
  if (!text && !like) return box("text").focus();
  const button = part("query").querySelector<HTMLButtonElement>("[type=submit]")!;
  const begun = performance.now();
  stop();
  found.setAttribute("aria-busy", "true");
  try {
    const {hits} = await busy(button, () => ask(text));
    const line = summary(hits, text, (performance.now() - begun) / 1000);
    say(line);
    const list = hits.length ? hitList(hits, line) : nothing("No hits. Change the text, or remove filters.");
    found.replaceChildren(make("div.summary", {}, make("p.soft.num", {}, line), hint(hits)), list);
  } catch (error) {
    const line = make("p.error", {role: "alert"});
    complain(line, error);
    found.replaceChildren(line);
  } finally {
    found.removeAttribute("aria-busy");
  }
}

function ask(text: string): Promise<{hits: Hit[]}> {
  const unwanted = words(box("unwanted").value), where = box("where").value.trim(), k = box("count").valueAsNumber || 20;
  if (like && "file" in like) {
    const query = new URLSearchParams({name: like.file.name, k: String(k)});
    if (text) query.set("text", text);
    if (where) query.set("where", where);
    for (const one of unwanted) query.append("not", one);
    return sent(`search/sound?${query}`, like.file);
  }
  const stretch = like && {id: like.hit.id, onset: like.hit.onset, offset: like.hit.offset};
  return posted("search", {k, ...(text && {text}), ...(stretch && {like: stretch}), ...(unwanted.length && {not: unwanted}), ...(where && {where})});
}

function summary(hits: Hit[], text: string, seconds: number): string {
  const like_ = exampleName();
  const asked = [text && `“${text}”`, like_ && `sounds like ${like_}`].filter(Boolean).join(" and ");
  return `${count(hits.length, "hit")} for ${asked} in ${seconds.toFixed(1)} s`;
}

function exampleName(): string {
  if (!like) return "";
  return "file" in like ? like.file.name : `${like.hit.name} ${clock(like.hit.onset, true)} to ${clock(like.hit.offset, true)}`;
}

function hint(hits: Hit[]): HTMLElement | null {
  if (!hits.length) return null;
  const key = (text: string) => make("kbd", {}, text);
  return make("span.hint", {"aria-hidden": true}, key("↑"), " ", key("↓"), " select ", key("space"), " play ", key("y"), " ", key("n"), " label ", key("t"), " teach");
}

function chip(): void {
  const away = () => { like = null; chip(); box("text").focus(); };
  const name = exampleName();
  const shown = make("span.chip", {}, make("span", {title: name}, `Like ${name}`), make("button", {type: "button", "aria-label": "Remove the example", onclick: away}, icon("close")));
  part("like").replaceChildren(...(like ? [shown] : []));
}
