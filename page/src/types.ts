// Responses of the server; /openapi.json describes them.

/** scored_by, named and times (s): only for labels of the query. implied_by: a narrower label that is present too. */
export interface Label { label: string; score: number; present: boolean; scored_by?: "label" | "text" | "head"; named?: string; times?: [number, number][]; implied_by?: string }
export interface HeardEvent { label: string; onset: number; offset: number; score: number; implied_by?: string }

export interface Heard {
  file: string;
  duration: number;
  coverage: number;
  silent: boolean;
  tags: Label[];
  events: HeardEvent[];
  labels?: Label[];
  error?: string;
  band?: { low: number; high: number; above: number };
  gaps?: [number, number][];
  tracks?: number;
  unread?: string[];
  negated?: string[];
  perhaps?: Label[];
}

/** An interval of a recording in the archive, in seconds; id: hash of the recording's content. */
export interface Stretch { id: string; onset: number; offset: number }

export interface Hit extends Stretch {
  file: string;
  name: string;
  score: number;
  tags?: string[];
  missing?: boolean;
  duration?: number;
  why?: string;
}

/** Precision of a version with its interval, from n hits sampled at random and checked. */
export interface Precision { value: number; low: number; high: number; n: number; version: number }

export interface Taught {
  name: string;
  version: number;
  yes: number;
  no: number;
  precision?: Precision | null;
}

export interface Health { version: string; model: string; archive: {files: number; windows: number} | null; limits: {bytes: number; seconds: number} }
