/** A line of `uafer predict --json`: what one picture shows, in a form that programs can rely on. */
import { z } from 'zod';
import type { Answer } from './answer.js';
import type { FacePrediction, Prediction } from './predictor.js';

const share = z.number().min(0).max(1);
const point = z.object({ x: z.number(), y: z.number() });

/** What is said of a face's expression. */
export const answerSchema = z.object({
  expression: z.string(),
  /** By class; they sum to 1. */
  probabilities: z.record(z.string(), share),
  uncertainty: share,
  ambiguity: share,
  /** How probably the expression is wrong. */
  risk: share,
  decision: z.enum(['report', 'ambiguous', 'reject']).nullable(),
  /** Of an ambiguous face: the two expressions that people would name. */
  candidates: z.array(z.string()).length(2).optional(),
  /** Of a model with conformal sets: the expressions among which the right one is, the most probable first. */
  set: z.array(z.string()).optional(),
});

export const facePredictionSchema = z.object({
  /** In pixels of the upright picture; may reach beyond it. */
  box: z.object({ left: z.number(), top: z.number(), width: z.number(), height: z.number() }),
  landmarks: z.record(z.string(), point),
  /** The detector's confidence. */
  score: share,
  ...answerSchema.shape,
  heatmap: z
    .object({
      rows: z.int().positive(),
      columns: z.int().positive(),
      topk: z.int().positive(),
      classes: z.record(z.string(), z.array(z.number())),
    })
    .optional(),
});

export type AnswerLine = z.infer<typeof answerSchema>;
export type FaceLine = z.infer<typeof facePredictionSchema>;

export const predictionLineSchema = z.union([
  z.object({ file: z.string(), width: z.int().positive(), height: z.int().positive(), faces: z.array(facePredictionSchema) }),
  z.object({ file: z.string(), error: z.string() }),
]);

export type PredictionLine = z.infer<typeof predictionLineSchema>;

/** A prediction as a line: shares to 6 decimals, positions to a hundredth of a pixel. */
export function predictionLine(file: string, { width, height, faces }: Prediction): PredictionLine {
  return { file, width, height, faces: faces.map(faceLine) };
}

/** A face of a line. */
export function faceLine({ box, landmarks, score, heatmap, ...answer }: FacePrediction): FaceLine {
  return {
    box: mapped(box, hundredth),
    landmarks: mapped(landmarks as Record<string, { x: number; y: number }>, ({ x, y }) => ({
      x: hundredth(x),
      y: hundredth(y),
    })),
    score: millionth(score),
    ...answerLine(answer),
    ...(heatmap && { heatmap: { ...heatmap, classes: mapped(heatmap.classes, (values) => values.map(millionth)) } }),
  };
}

/** An answer, by itself or of a face. */
export function answerLine(answer: Answer): AnswerLine {
  const { expression, probabilities, uncertainty, ambiguity, risk, decision, candidates, set } = answer;
  return {
    expression,
    probabilities: mapped(probabilities, millionth),
    uncertainty: millionth(uncertainty),
    ambiguity: millionth(ambiguity),
    risk: millionth(risk),
    decision,
    ...(candidates && { candidates }),
    ...(set && { set }),
  };
}

function mapped<From, To, Keys extends string>(
  record: Readonly<Record<Keys, From>>,
  change: (value: From) => To,
): Record<Keys, To> {
  return Object.fromEntries(Object.entries<From>(record).map(([key, value]) => [key, change(value)])) as Record<Keys, To>;
}

const hundredth = (value: number) => Math.round(value * 100) / 100;
/** To 6 decimals. */
export const millionth = (value: number) => Math.round(value * 1e6) / 1e6;
