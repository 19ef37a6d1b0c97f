// Entry point: status of the server, the current view, and events of hit rows.

import {bytes, fetched} from "./api";
import {clock, count, make, part, say, told} from "./dom";
import {startHits} from "./hits";
import {hear, startListening} from "./listen";
import {cutAddress, stop} from "./player";
import {likeFile, likeHit, startSearching} from "./search";
import {startTeaching} from "./teach";
import type {Health, Hit} from "./types";

const VIEWS = ["listen", "search", "taught"];

function view(): void {
  const wanted = location.hash.slice(1), shown = VIEWS.includes(wanted) ? wanted : "listen";
  if (wanted === "content") return; // the skip link
  stop();
  for (const name of VIEWS) part(name).hidden = name !== shown;
  for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${document.querySelector("nav [aria-current]")?.textContent} · auricle`;
  if (shown === "search") part("text").focus({preventScroll: true});
}

/** Analyse a hit like a dropped file. */
async function open(hit: Hit, server: Health): Promise<void> {
  try {
    const sound = await bytes(cutAddress(hit));
    const name = `${hit.name}, ${clock(hit.onset, true)} to ${clock(hit.offset, true)}`;
    location.hash = "#listen";
    hear(new File([sound], name, {type: "audio/wav"}), server);
  } catch (error) {
    say(told(error));
    part("found").prepend(make("p.error", {role: "alert"}, told(error)));
  }
}

async function start(): Promise<void> {
  addEventListener("hashchange", view);
  view();
  try {
    const health = await fetched<Health>("health"), archive = health.archive;
    part("facts").textContent = archive ? `${count(archive.files, "recording")}, ${count(archive.windows, "window")}` : "no archive";
    part("foot").textContent = `auricle ${health.version}, model ${health.model}. A faint score is below the threshold of its label: the label is not present.`;
    startHits();
    startListening(health);
    document.addEventListener("open-hit", (event) => void open((event as CustomEvent<Hit>).detail, health));
    startSearching(archive !== null);
    startTeaching(archive !== null);
  } catch (error) {
    part("content").replaceChildren(make("p.error", {role: "alert"}, told(error)));
  }
}

document.addEventListener("like-hit", (event) => void likeHit((event as CustomEvent<Hit>).detail));
document.addEventListener("like-file", (event) => void likeFile((event as CustomEvent<File>).detail));
void start();
