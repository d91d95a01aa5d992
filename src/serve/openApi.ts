/** The OpenAPI 3.1 description, from the schemas that the code itself checks with. */
import { z } from 'zod';
import { PICTURE_KINDS } from './pictureHeader.js';
import { PROBLEM_TYPE, type ProblemKind, problemSchema, problemStatus } from './problems.js';
import { answerSchema, healthSchema, jsonRequestSchema, modelAnswerSchema, optionsSchema } from './schemas.js';
import { requestBytes, type ServeLimits } from './settings.js';

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
};
const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string): Json => ({ content: { 'application/json': { schema: ref(name) } } });

const SAID: Partial<Record<ProblemKind, string>> = {
  malformed: 'The request or an option is wrong.',
  unauthorized: 'No token, or one that is not known.',
  'upload-timeout': 'The request did not arrive in time.',
  'too-large': 'A picture or the whole request has too many bytes, or there are too many pictures.',
  'media-type': 'A body of this type is not taken.',
  picture: 'No picture of the request can be read, or each is beyond a limit (pixels, faces, seconds of decoding).',
  internal: 'A fault of the service.',
  busy: 'The queue is full, the service is under pressure, or the answer took too long: ask again after `Retry-After` seconds.',
  'not-ready': 'It takes no requests now.',
};

function problems(...kinds: ProblemKind[]): Json {
  const entries = kinds.map((kind) => {
    const headers = {
      ...(kind === 'busy' && { 'Retry-After': { description: 'Seconds.', schema: { type: 'string' } } }),
      ...(kind === 'unauthorized' && { 'WWW-Authenticate': { schema: { type: 'string' } } }),
    };
    const content = { [PROBLEM_TYPE]: { schema: ref('Problem') } };
    return [String(problemStatus(kind)), { description: SAID[kind], headers, content }];
  });
  return Object.fromEntries(entries);
}

export interface Described {
  version: string;
  limits: ServeLimits;
  /** Whether a token is asked for. */
  secured: boolean;
}

export function openApi({ version, limits, secured }: Described): Json {
  const options = schemaOf(optionsSchema, 'input').properties as Record<string, Json>;
  const parameters = Object.entries(options).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: false,
    description,
    schema,
  }));
  const denied: ProblemKind[] = secured ? ['unauthorized'] : [];
  const security = secured ? { security: [{ bearer: [] }] } : {};
  const file = { type: 'string', format: 'binary' };
  const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  return {
    openapi: '3.1.0',
    info: {
      title: 'uafer',
      version,
      description:
        'Which expressions faces show, with probability and uncertainty. Nothing is kept: pictures stay in memory until they are answered. ' +
        `A picture has at most ${megabytes(limits.bytes)} and ${limits.pixels} pixels, a request ${megabytes(requestBytes(limits))}; kinds: ${PICTURE_KINDS}.`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths: {
      '/v1/predict': {
        post: {
          operationId: 'predict',
          summary: 'Predict the expressions of one or several pictures',
          description:
            'Options stand in the query; in a form or in JSON they may stand beside the pictures, and go over those of the query. The bytes of one picture may be the body ' +
            'itself. No address is ever fetched. Of one picture that cannot be read the answer is a problem; of several ones it is an entry with its error.',
          parameters,
          ...security,
          requestBody: {
            required: true,
            content: {
              'multipart/form-data': {
                schema: {
                  type: 'object',
                  properties: { picture: { type: 'array', minItems: 1, maxItems: limits.pictures, items: file }, ...options },
                  required: ['picture'],
                  additionalProperties: false,
                },
              },
              'application/json': { schema: ref('PredictRequest') },
              'application/octet-stream': { schema: { type: 'string', format: 'binary', minLength: 1 } },
              'image/*': { schema: { type: 'string', format: 'binary', minLength: 1 } },
            },
          },
          responses: {
            200: { description: 'What the pictures show.', ...json('Answer') },
            ...problems('malformed', ...denied, 'upload-timeout', 'too-large', 'media-type', 'picture', 'internal', 'busy'),
          },
        },
      },
      '/v1/model': {
        get: {
          operationId: 'model',
          summary: 'The model that answers, and the limits of requests',
          ...security,
          responses: { 200: { description: 'The model.', ...json('Model') }, ...problems(...denied, 'busy') },
        },
      },
      '/healthz': {
        get: {
          operationId: 'healthz',
          summary: 'Whether the process lives; one that does not should be started again',
          responses: { 200: { description: 'It lives.', ...json('Health') }, ...problems('not-ready') },
        },
      },
      '/readyz': {
        get: {
          operationId: 'readyz',
          summary: 'Whether requests should be sent here',
          responses: { 200: { description: 'It is ready.', ...json('Health') }, ...problems('not-ready') },
        },
      },
      '/metrics': {
        get: {
          operationId: 'metrics',
          summary: 'Figures for Prometheus',
          ...security,
          responses: {
            200: { description: 'The figures.', content: { 'text/plain': { schema: { type: 'string' } } } },
            ...problems(...denied),
          },
        },
      },
      '/openapi.json': {
        get: {
          operationId: 'openapi',
          summary: 'This description',
          responses: { 200: { description: 'It.', content: { 'application/json': { schema: { type: 'object' } } } } },
        },
      },
    },
    components: {
      schemas: {
        PredictRequest: schemaOf(jsonRequestSchema(limits), 'input'),
        Answer: schemaOf(answerSchema, 'output'),
        Model: schemaOf(modelAnswerSchema, 'output'),
        Health: schemaOf(healthSchema, 'output'),
        Problem: schemaOf(problemSchema, 'output'),
      },
      ...(secured && { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } }),
    },
  };
}
