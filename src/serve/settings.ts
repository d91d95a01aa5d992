/** What a service is told: where it listens, who may ask, and what a request may cost. */
import type { PredictorOptions } from '../runtime/predictorParts.js';

/** What one request may cost, and all of them together. */
export interface ServeLimits {
  /** Pictures of one request. */
  pictures: number;
  /** Bytes of one picture's file. */
  bytes: number;
  /** Pixels that a picture may unpack to. */
  pixels: number;
  /** Faces of one picture. */
  faces: number;
  /** Seconds in which a request must have arrived. */
  uploadSeconds: number;
  /** Seconds in which it must have been answered from then on. */
  answerSeconds: number;
  /** Pictures that are accepted and not answered yet: one more is told to come again later. */
  queue: number;
}

export interface ServeBatching {
  /** Pictures that are predicted together. */
  most: number;
  /** Milliseconds that a picture waits for others that are under way. */
  waitMs: number;
  /** Processes that predict; each holds the networks once. */
  workers: number;
}

export interface ServeSettings {
  predictor: PredictorOptions;
  host: string;
  /** 0 takes any that is free. */
  port: number;
  limits: ServeLimits;
  batching: ServeBatching;
  /** A file of bearer tokens, one a line, read again when it changes. */
  tokensFile?: string;
  /** Bearer tokens that stay as they are. */
  tokens?: readonly string[];
  /** Origins whose pages may read answers; none when left out. */
  cors?: readonly string[];
  /** Files of a certificate (with its chain) and its key, in PEM. */
  tls?: { certificate: string; key: string };
  /** A folder of static files that is served beside, with the headers that its page needs. */
  web?: string;
  logLevel: LogLevel;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MEBI = 2 ** 20;

export const SERVE_LIMITS: Readonly<ServeLimits> = {
  pictures: 16,
  bytes: 16 * MEBI,
  pixels: 50_000_000,
  faces: 100,
  uploadSeconds: 30,
  answerSeconds: 30,
  queue: 256,
};

export const SERVE_BATCHING: Readonly<ServeBatching> = { most: 8, waitMs: 3, workers: 1 };

/** Bytes of a whole request: of several pictures not every one may be the largest. */
export const requestBytes = ({ pictures, bytes }: ServeLimits): number => Math.min(pictures, 4) * bytes + MEBI;

/** Bytes of all requests that are not answered yet. */
export const heldBytes = (limits: ServeLimits): number => 4 * requestBytes(limits);
