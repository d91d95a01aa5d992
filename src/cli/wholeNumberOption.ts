import { InvalidArgumentError, Option } from 'commander';

/** An option that takes a whole number of at least 0. */
export function wholeNumberOption(flags: string, description: string, byDefault: number): Option {
  const parse = (text: string) => {
    if (/^\d+$/.test(text)) return Number(text);
    throw new InvalidArgumentError('Expected a whole number of at least 0.');
  };
  return new Option(flags, description).default(byDefault).argParser(parse);
}

/** A parser for commander of whole numbers from `least` to `most`. */
export function wholeNumberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}
