// Elements, times and colours. Strings are added as text nodes, so file names cannot become markup.

type Attributes = Record<string, string | number | boolean | ((event: any) => void)>;
type Child = Node | string | null;

/** make("p.soft", {title: "x"}, child, "text"). Keys: --name sets a custom property, onNAME listens, the rest are attributes. */
export function make<K extends keyof HTMLElementTagNameMap>(what: K, attributes?: Attributes, ...children: Child[]): HTMLElementTagNameMap[K];
export function make(what: string, attributes?: Attributes, ...children: Child[]): HTMLElement;
export function make(what: string, attributes: Attributes = {}, ...children: Child[]): HTMLElement {
  const [name = "div", ...classes] = what.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) element.style.setProperty(key, String(value));
    else if (typeof value === "boolean") element.toggleAttribute(key, value);
    else element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null));
  return element;
}

/** The element of index.html with this id. */
export function part<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found as T;
}

const DRAWINGS = {
  play: "M4 2.2v11.6c0 .5.6.9 1 .6l8.6-5.8c.4-.3.4-.9 0-1.2L5 1.6c-.4-.3-1 .1-1 .6z",
  pause: "M3.5 2h3v12h-3zM9.5 2h3v12h-3z",
  close: "M3.6 2.5 8 6.9l4.4-4.4 1.1 1.1L9.1 8l4.4 4.4-1.1 1.1L8 9.1l-4.4 4.4-1.1-1.1L6.9 8 2.5 3.6z",
};

/** An icon, hidden from screen readers: the button around it has a label. */
export function icon(name: keyof typeof DRAWINGS): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  drawing.classList.add(`icon-${name}`);
  path.setAttribute("d", DRAWINGS[name]);
  drawing.append(path);
  return drawing;
}

/** Seconds as 1:02 or 1:02.3. */
export function clock(seconds: number, tenths = false): string {
  const units = Math.round(Math.max(0, seconds) * 10);
  const whole = tenths ? Math.floor(units / 10) : Math.round(units / 10);
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  const text = hours ? `${hours}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  return tenths ? `${text}.${units % 10}` : text;
}

export const count = (number: number, one: string, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
export const percent = (share: number) => (share > 0.995 && share < 1 ? "99 %" : `${Math.round(share * 100)} %`);
/** Split labels at commas, except in double quotes. */
export const words = (text: string) => (text.match(/\s*"[^"]*"|[^,]+/g) ?? []).map((word) => word.replaceAll('"', "").trim()).filter(Boolean);

const HUES = [255, 45, 155, 330, 85, 200, 20, 290, 120, 230, 65, 0];
const given = new Map<string, number>();

/** The colour of a label: the same on the whole page. */
export function colour(label: string): string {
  if (!given.has(label)) given.set(label, given.size);
  return `oklch(var(--light) var(--chroma) ${HUES[(given.get(label) ?? 0) % HUES.length]})`;
}

export const word = (label: string) => make("span.word", {"--hue": colour(label)}, make("span.dot"), label);

/** Announce a text to screen readers. */
export function say(text: string): void {
  part("said").textContent = text;
}

/** Show an error line, or hide it with null. */
export function complain(where: HTMLElement, error: unknown): void {
  where.hidden = error === null;
  where.textContent = error === null ? "" : told(error);
}

export const told = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Disable a button with a spinner during work; it shows the elapsed time from the second second on. */
export async function busy<T>(button: HTMLButtonElement, work: () => Promise<T>): Promise<T> {
  const begun = performance.now(), before = [...button.childNodes];
  button.disabled = true;
  button.classList.add("busy");
  const timer = setInterval(() => {
    const seconds = Math.floor((performance.now() - begun) / 1000);
    if (seconds >= 2) button.replaceChildren(...before.map((node) => node.cloneNode(true)), ` ${clock(seconds)}`);
    if (seconds === 2) say("Still working");
  }, 1000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    button.replaceChildren(...before);
    button.classList.remove("busy");
    button.disabled = false;
  }
}
