// Requests to the server of the page. After a 401 the user is asked for the token; problems become errors with their detail.

import {part} from "./dom";

const KEPT = "auricle-token";

/** An error response. status 0: the server was not reached. */
export class Problem extends Error {
  constructor(readonly status: number, detail: string, readonly after = 0) {
    super(detail);
  }
}

interface Asked { method?: string; body?: Blob | string; type?: string; progress?: (share: number) => void; signal?: AbortSignal; kind?: "blob" }

export const token = () => sessionStorage.getItem(KEPT);

/** JSON of a GET. */
export const fetched = <T>(path: string) => request<T>(path, {});
/** JSON of a POST with a JSON body. */
export const posted = <T>(path: string, body: unknown) => request<T>(path, {method: "POST", body: JSON.stringify(body), type: "application/json"});
/** JSON of a POST with audio as body; progress: share that was sent. */
export const sent = <T>(path: string, sound: Blob, options: Pick<Asked, "progress" | "signal"> = {}) =>
  request<T>(path, {method: "POST", body: sound, type: "application/octet-stream", ...options});
/** The bytes of a GET. */
export const bytes = (path: string) => request<Blob>(path, {kind: "blob"});

async function request<T>(path: string, asked: Asked): Promise<T> {
  for (let refused = false; ; refused = true) {
    try {
      return await once<T>(path, asked);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401 || !(await askToken(refused || token() !== null))) throw error;
    }
  }
}

/** XMLHttpRequest instead of fetch, because fetch has no upload progress. */
function once<T>(path: string, asked: Asked): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open(asked.method ?? "GET", path);
    call.responseType = "blob";
    const known = token();
    if (known) call.setRequestHeader("Authorization", `Bearer ${known}`);
    if (asked.type) call.setRequestHeader("Content-Type", asked.type);
    if (asked.progress) call.upload.onprogress = (event) => asked.progress?.(event.total ? event.loaded / event.total : 0);
    asked.signal?.addEventListener("abort", () => call.abort());
    call.onabort = () => reject(new DOMException("Stopped", "AbortError"));
    call.onerror = () => reject(new Problem(0, "The server cannot be reached; check that auricle serve is running, then try again."));
    call.onload = () => answer<T>(call, asked).then(resolve, reject);
    call.send(asked.body);
  });
}

async function answer<T>(call: XMLHttpRequest, asked: Asked): Promise<T> {
  const body = call.response as Blob;
  if (call.status < 300 && asked.kind === "blob") return body as T;
  const text = await body.text();
  if (call.status < 300) return JSON.parse(text) as T;
  throw new Problem(call.status, detail(call.status, text), Number(call.getResponseHeader("Retry-After")) || 0);
}

function detail(status: number, text: string): string {
  try {
    const said = JSON.parse(text) as {detail?: unknown; title?: unknown};
    const line = typeof said.detail === "string" ? said.detail : said.title;
    if (typeof line === "string" && line) return line;
  } catch { /* not JSON, such as the page of a proxy */ }
  return `The server responded with status ${status} and no detail.`;
}

let asking: Promise<boolean> | null = null;

/** Ask the user for the token, once for all pending requests. Resolves to true if there is a new one. */
function askToken(refused: boolean): Promise<boolean> {
  asking ??= new Promise<boolean>((resolve) => {
    const dialog = part<HTMLDialogElement>("token"), value = part<HTMLInputElement>("token-value"), error = part("token-error");
    error.hidden = !refused;
    value.value = "";
    const cancel = dialog.querySelector<HTMLButtonElement>("button[value=cancel]");
    if (cancel) cancel.onclick = () => dialog.close("");
    dialog.returnValue = "";
    dialog.onclose = () => {
      const use = dialog.returnValue === "use" && value.value !== "";
      if (use) sessionStorage.setItem(KEPT, value.value.trim());
      resolve(use);
    };
    dialog.showModal();
    value.focus();
  }).finally(() => { asking = null; });
  return asking;
}
