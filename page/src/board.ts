// View of one recording: waveform, spectrogram, time axis, a lane of events per label, and a play head.
// Its style follows the report of `auricle listen --html` (auricle/present/html_report.html).

import type WaveSurfer from "wavesurfer.js";
import {clock, colour, icon, make} from "./dom";
import {quiet} from "./player";
import type {Heard, HeardEvent} from "./types";
import {decoded, draw, height} from "./waves";

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const PITCHES = [500, 1000, 2000, 4000];
const MOST_ZOOM = 16;
const TICK = 84; // pixels per tick label

export interface Board { element: HTMLElement; close(): void }

/** The view of an analysed recording. */
export function board(sound: Blob, heard: Heard): Board {
  return new Drawn(sound, heard);
}

class Drawn implements Board {
  readonly element = make("div.player");
  private readonly audio = new Audio();
  private readonly address: string;
  private readonly duration: number;
  private readonly track = make("div.track");
  private readonly slider = make("div.place", {tabindex: 0, role: "slider", "aria-label": "Position in the recording", "aria-valuemin": 0});
  private readonly scroll = make("div.scroll", {}, this.track);
  private readonly head = make("div.head");
  private readonly now = make("span.now.num");
  private readonly axis = make("div.axis.num", {"aria-hidden": true});
  private readonly wave = make("div.wave", {"aria-hidden": true});
  private readonly picture = make("div.picture", {"aria-hidden": true}, make("span.waiting", {}, "drawing ..."));
  private readonly out = make("button", {type: "button", "aria-label": "Zoom out", title: "Zoom out (-)", disabled: true, onclick: () => this.magnify(0.5)}, "−");
  private readonly into = make("button", {type: "button", "aria-label": "Zoom in", title: "Zoom in (+)", onclick: () => this.magnify(2)}, "+");
  private readonly sizes = new ResizeObserver(() => this.ticks());
  private waves: WaveSurfer | null = null;
  private zoom = 1;
  private position = 0;
  private closed = false;

  constructor(sound: Blob, heard: Heard) {
    this.duration = Math.max(heard.duration, 1e-3);
    this.address = URL.createObjectURL(sound);
    this.slider.setAttribute("aria-valuemax", this.duration.toFixed(2));
    this.element.append(this.bar(), make("div.board", {}, this.lanes(heard.events), this.scroll));
    this.listen();
    this.show();
    this.sizes.observe(this.scroll);
    void this.paint(sound);
  }

  close(): void {
    this.closed = true;
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.waves?.destroy();
    this.sizes.disconnect();
    URL.revokeObjectURL(this.address);
    this.element.remove();
  }

  private async paint(sound: Blob): Promise<void> {
    this.audio.src = this.address;
    const found = await decoded(sound, this.duration);
    if (this.closed) return;
    if (!found?.samples.length) {
      this.picture.replaceChildren(make("span.waiting", {}, "this browser cannot draw this kind of file"));
      return;
    }
    for (const element of [this.wave, this.picture]) element.style.width = this.place(found.samples.length / found.rate);
    this.waves = draw(this.wave, this.picture, this.audio, found, () => this.picture.querySelector(".waiting")?.remove());
  }

  private bar(): HTMLElement {
    const play = make("button.play", {type: "button", "aria-label": "Play or pause", onclick: () => this.toggle()}, icon("play"), icon("pause"));
    const key = (text: string) => make("kbd", {}, text);
    const hint = make("span.hint", {"aria-hidden": true}, key("space"), " play ", key("←"), " ", key("→"), " seek ", key("+"), " ", key("−"), " zoom");
    return make("div.bar", {}, play, this.now, make("span.spring"), hint, make("span.zoom", {}, this.out, this.into));
  }

  /** Fill the track and return the gutter with the names of its rows. */
  private lanes(events: HeardEvent[]): HTMLElement {
    const lanes = new Map<string, HTMLElement>();
    for (const event of events) {
      const lane = lanes.get(event.label) ?? make("div.lane-track", {role: "group", "aria-label": event.label});
      lanes.set(event.label, lane);
      lane.append(this.event(event, lane.childElementCount === 0));
    }
    const end = () => (lanes.size ? make("div.lanes-end") : null);
    this.slider.append(this.wave, this.picture, this.axis);
    this.track.append(this.slider, ...lanes.values(), ...[end()].filter((node) => node !== null), this.head);
    const pitches = PITCHES.map((hertz) => {
      const mark = make("span", {}, hertz < 1000 ? `${hertz} Hz` : `${hertz / 1000} kHz`);
      mark.style.bottom = `${height(hertz) * 100}%`;
      return mark;
    });
    const names = [...lanes.keys()].map((label) => make("div.lane", {title: label, "--hue": colour(label)}, make("span.dot"), make("span", {}, label)));
    return make("div.gutter", {"aria-hidden": true}, make("div.wave"), make("div.pitch.num", {}, ...pitches), make("div.axis"), ...names, end());
  }

  private event(event: HeardEvent, first: boolean): HTMLElement {
    const times = `${clock(event.onset, true)} to ${clock(event.offset, true)}`;
    const mark = make("button.event", {
      type: "button", "--hue": colour(event.label), "--score": event.score, tabindex: first ? 0 : -1, "data-onset": event.onset,
      title: `${event.label} · ${times} · ${event.score.toFixed(2)}`, "aria-label": `${event.label}, ${times}, score ${event.score.toFixed(2)}: play`,
      onclick: () => { this.seek(event.onset); if (this.audio.paused) this.toggle(); },
    });
    mark.style.left = this.place(event.onset);
    mark.style.width = `max(4px, ${((event.offset - event.onset) / this.duration) * 100}%)`;
    return mark;
  }

  private readonly place = (seconds: number) => `${Math.min(100, (seconds / this.duration) * 100)}%`;

  private show(): void {
    const tenths = this.duration < 600;
    this.head.style.left = this.place(this.position);
    this.now.replaceChildren(make("b", {}, clock(this.position, tenths)), make("span.soft", {}, ` / ${clock(this.duration, tenths)}`));
    this.slider.setAttribute("aria-valuenow", this.position.toFixed(2));
    this.slider.setAttribute("aria-valuetext", `${clock(this.position, true)} of ${clock(this.duration, true)}`);
  }

  private seek(seconds: number): void {
    this.position = Math.max(0, Math.min(this.duration, seconds));
    this.audio.currentTime = this.position;
    this.show();
    this.follow();
  }

  private follow(): void {
    if (this.zoom === 1) return;
    const x = (this.position / this.duration) * this.track.offsetWidth, {scrollLeft, clientWidth} = this.scroll;
    if (x < scrollLeft + 20 || x > scrollLeft + clientWidth - 20) this.scroll.scrollLeft = x - clientWidth * 0.2;
  }

  private readonly step = () => {
    if (this.audio.paused) return;
    this.position = Math.min(this.duration, this.audio.currentTime);
    this.show();
    this.follow();
    requestAnimationFrame(this.step);
  };

  private toggle(): void {
    if (!this.audio.paused) return this.audio.pause();
    quiet(this.audio);
    if (this.position >= this.duration - 0.01) this.seek(0);
    this.audio.play().catch(() => { if (!this.closed && this.audio.error) this.now.textContent = "this browser cannot play this kind of file"; });
  }

  /** Twice or half as wide around a point (0 to 1 of the track), the play head by default. */
  private magnify(factor: number, around = this.position / this.duration): void {
    const before = this.zoom, {clientWidth, scrollLeft} = this.scroll;
    this.zoom = Math.max(1, Math.min(MOST_ZOOM, before * factor));
    if (this.zoom === before) return;
    this.track.style.setProperty("--zoom", String(this.zoom));
    this.ticks();
    this.scroll.scrollLeft = around * this.zoom * clientWidth - (around * before * clientWidth - scrollLeft);
    this.out.disabled = this.zoom === 1;
    this.into.disabled = this.zoom === MOST_ZOOM;
  }

  private ticks(): void {
    const room = Math.max(1, (this.track.offsetWidth || 900) / TICK);
    const unit = STEPS.find((size) => this.duration / size <= room) ?? 14400;
    const marks = [];
    for (let place = 0; !place || (1 - (place * unit) / this.duration) * room * TICK > 44; place++) {
      const mark = make("span", {}, clock(place * unit, unit < 1));
      mark.style.left = this.place(place * unit);
      marks.push(mark);
    }
    this.axis.replaceChildren(...marks);
  }

  private listen(): void {
    const at = (event: PointerEvent | WheelEvent) => (event.clientX - this.track.getBoundingClientRect().left) / this.track.offsetWidth;
    let dragging = false;
    this.track.addEventListener("pointerdown", (event) => {
      if (event.button || (event.target as Element).closest(".event")) return;
      dragging = true;
      this.track.setPointerCapture(event.pointerId);
      this.seek(at(event) * this.duration);
    });
    this.track.addEventListener("pointermove", (event) => { if (dragging) this.seek(at(event) * this.duration); });
    for (const kind of ["pointerup", "pointercancel"]) this.track.addEventListener(kind, () => { dragging = false; });
    this.scroll.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.magnify(event.deltaY < 0 ? 1.25 : 0.8, at(event));
    }, {passive: false});
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.audio.addEventListener("play", () => { this.element.classList.add("playing"); requestAnimationFrame(this.step); });
    this.audio.addEventListener("pause", () => this.element.classList.remove("playing"));
    this.audio.addEventListener("ended", () => { this.position = this.duration; this.show(); });
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as Element, mark = target.closest<HTMLElement>(".event");
    if (mark && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      const next = (event.key === "ArrowLeft" ? mark.previousElementSibling : mark.nextElementSibling) as HTMLElement | null;
      next?.focus();
      if (next) this.seek(Number(next.dataset.onset));
      return event.preventDefault();
    }
    const stride = event.shiftKey ? 5 : 1;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.seek(this.position - stride), ArrowRight: () => this.seek(this.position + stride),
      Home: () => this.seek(0), End: () => this.seek(this.duration),
      "+": () => this.magnify(2), "=": () => this.magnify(2), "-": () => this.magnify(0.5),
      ...(target.closest("button") ? {} : {" ": () => this.toggle(), Enter: () => this.toggle()}),
    };
    const chosen = keys[event.key];
    if (!chosen) return;
    event.preventDefault();
    chosen();
  }
}
