/** The forms of requests and answers: they check the one and describe both in the OpenAPI document. */
import { z } from 'zod';
import type { ModelFile } from '../predict/modelFile.js';
import { predictionLineSchema } from '../predict/predictionLine.js';
import type { ServeLimits } from './settings.js';

const OPTIONS = {
  aligned: z
    .boolean()
    .optional()
    .meta({ description: 'The pictures are faces already, upright and cut out as in training: no detection.' }),
  faces: z.enum(['all', 'largest', 'central']).optional().meta({ description: 'Which of several faces; all when left out.' }),
  abstain: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ description: "Uncertainty above which the decision is to reject, in place of the model's own threshold." }),
  heatmap: z.boolean().optional().meta({ description: 'Adds what each patch of the face says for each class.' }),
};

/** What can be asked of the pictures of a request; all of it can be left out. */
export const optionsSchema = z.strictObject(OPTIONS);

export type AskedOptions = z.infer<typeof optionsSchema>;

/** Base64 as of RFC 4648, with its padding, as a regular expression of JSON schemas. */
export const BASE64_PATTERN = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$';

/** The same as `BASE64_PATTERN`, which on a text of megabytes would need more stack than there is. */
export const isBase64 = (text: string): boolean =>
  text.length % 4 === 0 &&
  !/[^A-Za-z0-9+/]/.test(text.endsWith('==') ? text.slice(0, -2) : text.endsWith('=') ? text.slice(0, -1) : text);

/** Letters of a picture's name. */
export const LONGEST_NAME = 255;

/** A request in JSON. */
export const jsonRequestSchema = ({ pictures, bytes }: ServeLimits) =>
  z.strictObject({
    pictures: z
      .array(
        z.strictObject({
          file: z
            .string()
            .min(1)
            .max(LONGEST_NAME)
            .optional()
            .meta({ description: 'A name that stands in the answer; no file is opened.' }),
          data: z
            .string()
            .min(4)
            .refine(isBase64, 'expected base64 with its padding')
            .meta({
              contentEncoding: 'base64',
              pattern: BASE64_PATTERN,
              maxLength: 4 * Math.ceil(bytes / 3),
              description: "The bytes of a picture's file.",
            }),
        }),
      )
      .min(1)
      .max(pictures),
    ...OPTIONS,
  });

export const answerSchema = z.object({
  model: z.string().meta({ description: 'The model that answered.' }),
  pictures: z.array(predictionLineSchema).min(1).meta({
    description: 'In the order of the request. Of several pictures one that cannot be read is an entry with its error.',
  }),
});

export type ServeAnswer = z.infer<typeof answerSchema>;

export const modelAnswerSchema = z.object({
  name: z.string(),
  classes: z.array(z.string()).min(2),
  precision: z.string(),
  sha256: z.string().meta({ description: 'Of the network.' }),
  imageSize: z.int().positive().meta({ description: 'Side of an aligned face, in pixels.' }),
  colour: z.string(),
  answer: z.string().meta({ description: 'How the network answers: softmax, or evidence of a Dirichlet distribution.' }),
  calibrated: z.boolean().meta({ description: 'Whether probabilities and decisions were fitted on validation pictures.' }),
  knowsTrainingPictures: z
    .boolean()
    .meta({ description: 'Whether uncertainty grows with the distance from the pictures that it learned from.' }),
  licence: z.string(),
  backend: z.string(),
  detector: z.string(),
  version: z.string().meta({ description: 'Of uafer.' }),
  limits: z
    .object({
      pictures: z.int(),
      bytes: z.int(),
      pixels: z.int(),
      faces: z.int(),
      uploadSeconds: z.number(),
      answerSeconds: z.number(),
      queue: z.int(),
    })
    .meta({ description: 'What a request may hold and cost.' }),
});

/** What `/v1/model` says: nothing of where the model's files lie. */
export function modelAnswer(
  model: ModelFile,
  rest: { backend: string; detector: string; version: string; limits: ServeLimits },
): z.infer<typeof modelAnswerSchema> {
  const { name, classes, network, preprocessing, answer, calibration, licence } = model;
  return {
    name,
    classes,
    precision: network.precision,
    sha256: network.sha256,
    imageSize: preprocessing.imageSize,
    colour: preprocessing.colour,
    answer: answer.kind,
    calibrated: calibration !== undefined,
    knowsTrainingPictures: calibration?.density !== undefined,
    licence,
    ...rest,
  };
}

export const healthSchema = z.object({ status: z.enum(['ok', 'ready']) });
