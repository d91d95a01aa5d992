/** Errors as people and programs get them over HTTP: `application/problem+json` (RFC 9457). */
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { type ErrorCode, UaferError } from '../errors.js';

interface Kind {
  status: number;
  /** What the library would throw. */
  code: ErrorCode | null;
  title: string;
}

/** What can go wrong with a request. The names are stable: programs and metrics tell errors by them. */
const KINDS = {
  malformed: { status: 400, code: 'USAGE', title: 'The request cannot be understood' },
  options: { status: 400, code: 'USAGE', title: 'An option is wrong' },
  unauthorized: { status: 401, code: 'USAGE', title: 'A valid bearer token is needed' },
  'not-found': { status: 404, code: 'USAGE', title: 'There is nothing at this path' },
  method: { status: 405, code: 'USAGE', title: 'The path does not take this method' },
  'upload-timeout': { status: 408, code: 'LIMIT', title: 'The request took too long to arrive' },
  'too-large': { status: 413, code: 'LIMIT', title: 'The request is too large' },
  'media-type': { status: 415, code: 'USAGE', title: 'The type of the body is not taken' },
  picture: { status: 422, code: 'IMAGE', title: 'The picture cannot be read' },
  limit: { status: 422, code: 'LIMIT', title: 'The picture is beyond a limit' },
  headers: { status: 431, code: 'LIMIT', title: 'The headers are too large' },
  internal: { status: 500, code: null, title: 'The service failed' },
  busy: { status: 503, code: 'LIMIT', title: 'The service has too much to do' },
  'answer-timeout': { status: 503, code: 'LIMIT', title: 'The answer took too long' },
  'not-ready': { status: 503, code: null, title: 'The service takes no requests now' },
} as const satisfies Record<string, Kind>;

export type ProblemKind = keyof typeof KINDS;

export const PROBLEM_KINDS = Object.keys(KINDS) as ProblemKind[];

export const problemStatus = (kind: ProblemKind): number => KINDS[kind].status;

export const PROBLEM_TYPE = 'application/problem+json';

const CODES = [...new Set(Object.values(KINDS).flatMap(({ code }) => (code === null ? [] : [code])))];

export const problemSchema = z
  .object({
    type: z.enum(PROBLEM_KINDS.map(urn)).meta({ description: 'The kind of problem; stable.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'What was expected, and what to do.' }),
    code: z.enum(CODES).optional().meta({ description: 'The error code of the library.' }),
    request: z.string().optional().meta({ description: 'The id that the log knows the request by; also in `X-Request-Id`.' }),
  })
  .meta({ description: 'An error, as of RFC 9457.' });

export type ProblemBody = z.infer<typeof problemSchema>;

function urn(kind: ProblemKind): string {
  return `urn:uafer:problem:${kind}`;
}

/** An error that is answered with as it is. */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: ProblemKind, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.name = 'Problem';
    this.kind = kind;
    this.headers = headers;
  }

  body(request?: string): ProblemBody {
    const { status, code, title } = KINDS[this.kind];
    return {
      type: urn(this.kind),
      title,
      status,
      detail: this.message,
      ...(code !== null && { code }),
      ...(request !== undefined && { request }),
    };
  }

  /** As it is written to a connection that has no request which could be answered. */
  text(): string {
    const { status } = KINDS[this.kind];
    const body = JSON.stringify(this.body());
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    return `${head.join('\r\n')}\r\n\r\n${body}`;
  }
}

const BY_STATUS: Readonly<Record<number, ProblemKind>> = {
  400: 'malformed',
  403: 'not-found',
  404: 'not-found',
  406: 'malformed',
  408: 'upload-timeout',
  413: 'too-large',
  414: 'headers',
  415: 'media-type',
  431: 'headers',
};

/** The problem that an error is: one of a picture's, of the framework's, or a fault of ours, whose message stays in the log. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof UaferError && error.code === 'IMAGE') return new Problem('picture', error.message);
  if (error instanceof UaferError && error.code === 'LIMIT') return new Problem('limit', error.message);
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new Problem(
      'media-type',
      'Send image/jpeg (or another picture), application/octet-stream, multipart/form-data or application/json.',
    );
  const kind = statusCode === undefined ? undefined : BY_STATUS[statusCode];
  if (kind !== undefined) return new Problem(kind, `${message}.`.replace(/\.\.$/, '.'));
  return new Problem('internal', 'The log says more about it, under the id of this request.');
}
