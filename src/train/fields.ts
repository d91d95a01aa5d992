import { z } from 'zod';
import { trainConfigSchema } from './config.js';

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
    else yield [path, { path, option: optionName(path), description: schema.description ?? '', ...valueKind(required(inner)) }];
  }
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
