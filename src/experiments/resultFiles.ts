/** What `uafer ablate` and `uafer crossval` write for other programs: their schemas in `schemas/` are made of these. */
import { z } from 'zod';

const weightsSchema = z.enum(['best', 'last']);
const figuresSchema = z.record(z.string(), z.number().nullable());
const spreadSchema = z.object({ mean: z.number().nullable(), deviation: z.number().nullable(), count: z.int() });
const intervalSchema = z.tuple([z.number(), z.number()]).nullable();

/** How a figure of a row differs from the first row's, seed by seed. */
const differenceSchema = spreadSchema.extend({
  /** 95% interval of the mean over seeds, of the paired t-test; null with less than two. */
  overSeeds: intervalSchema,
  /** 95% interval of the bootstrap over pictures, the seeds' mean; null where predictions were deleted, or are of other pictures. */
  overPictures: intervalSchema,
});

/** What came of one training. */
const outcome = {
  /** Relative to the folder of the file. */
  folder: z.string(),
  state: z.enum(['finished', 'failed', 'open']),
  /** Of one that failed. */
  error: z.string().optional(),
  /** Test pictures and figures by their paths (`accuracy`, `scores.entropy.aurc`) of one that is finished. */
  samples: z.int().optional(),
  figures: figuresSchema.optional(),
};

const rowSchema = z.object({
  name: z.string(),
  calibrated: z.boolean(),
  cells: z.array(z.object({ seed: z.int(), ...outcome })),
  /** By the figures' paths, over the seeds that are finished. */
  figures: z.record(z.string(), spreadSchema),
  /** Null for the first row, and where no seed is finished in both. */
  differences: z.record(z.string(), differenceSchema).nullable(),
});

/** `ablation.json`. */
export const ablationSchema = z.object({
  format: z.literal('uafer-ablation'),
  version: z.literal(1),
  seeds: z.array(z.int()),
  /** Which weights were evaluated. */
  weights: weightsSchema,
  /** Null for none. */
  bootstrap: z.object({ resamples: z.int(), seed: z.int() }).nullable(),
  rows: z.array(rowSchema),
});

const foldSchema = z.object({
  /** From 1. */
  fold: z.int(),
  /** Who was tested on. */
  people: z.array(z.string()),
  ...outcome,
});

/** `crossval.json`. */
export const crossValidationSchema = z.object({
  format: z.literal('uafer-crossval'),
  version: z.literal(1),
  weights: weightsSchema,
  folds: z.array(foldSchema),
  /** By the figures' paths, over the folds that are finished. */
  figures: z.record(z.string(), spreadSchema),
  /** Of the answers of all folds as one test set; null until every fold is finished, or where predictions were deleted. */
  pooled: z.object({ samples: z.int(), figures: figuresSchema }).nullable(),
});

export type AblationResult = z.infer<typeof ablationSchema>;
export type Difference = z.infer<typeof differenceSchema>;
export type CrossValidationResult = z.infer<typeof crossValidationSchema>;
export type FoldResult = z.infer<typeof foldSchema>;
