import { z } from 'zod';
import { trainConfigSchema } from './schema.js';

/** One setting of the configuration, as a command line or a file needs to know it. */
export interface Field {
  /** Dotted, e.g. `optimizer.fixLayer`. */
  path: string;
  /** Its option, e.g. `--fix-layer`. */
  option: string;
  description: string;
  /** A `structure` stands in files only. */
  kind: 'number' | 'boolean' | 'text' | 'structure';
  choices?: readonly string[];
  /** What the setting is where nothing is said; undefined for one that recipes must say. */
  default?: unknown;
}

/** Every setting by its dotted path, in the schema's order. Leaf names are unique, so each has an option of its own. */
export const configFields: ReadonlyMap<string, Field> = new Map(walk(trainConfigSchema, ''));

/** The names of the groups of settings: `model`, `loss`, ... */
export const configSections: ReadonlySet<string> = new Set(
  [...configFields.keys()].filter((path) => path.includes('.')).map((path) => path.split('.')[0] as string),
);

/** `optimizer.fixLayer` -> `--fix-layer`. */
export function optionName(path: string): string {
  return `--${leafName(path).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `optimizer.fixLayer` -> `fixLayer`. */
export function leafName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function* walk(section: z.ZodObject, prefix: string): Generator<[string, Field]> {
  for (const [name, schema] of Object.entries(section.shape) as [string, z.ZodType][]) {
    const inner = unwrap(schema);
    const path = `${prefix}${name}`;
    if (inner instanceof z.ZodObject) yield* walk(inner, `${path}.`);
    else yield [path, fieldOf(path, schema, required(inner))];
  }
}

function fieldOf(path: string, schema: z.ZodType, inner: z.ZodType): Field {
  const field: Field = {
    path,
    option: optionName(path),
    description: schema.description ?? '',
    ...valueKind(inner),
    ...(schema instanceof z.ZodDefault ? { default: schema.def.defaultValue } : {}),
  };
  // Some choices can be added to while the program runs.
  const named = inner.meta()?.choices as (() => string[]) | undefined;
  return named ? Object.defineProperty(field, 'choices', { get: named, enumerable: true }) : field;
}

function unwrap(schema: z.ZodType): z.ZodType {
  const hasDefault = schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return hasDefault ? unwrap(schema.unwrap() as z.ZodType) : schema;
}

/** The schema of the value of an optional setting. */
function required(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
}

function valueKind(schema: z.ZodType): Pick<Field, 'kind' | 'choices'> {
  if (schema instanceof z.ZodNumber) return { kind: 'number' };
  if (schema instanceof z.ZodBoolean) return { kind: 'boolean' };
  if (schema instanceof z.ZodEnum) return { kind: 'text', choices: schema.options.map(String) };
  return { kind: schema instanceof z.ZodObject ? 'structure' : 'text' };
}
