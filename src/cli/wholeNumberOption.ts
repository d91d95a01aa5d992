import { InvalidArgumentError, Option } from 'commander';

/** An option that takes a whole number of at least 0. */
export function wholeNumberOption(flags: string, description: string, byDefault: number): Option {
  const parse = (text: string) => {
    if (/^\d+$/.test(text)) return Number(text);
    throw new InvalidArgumentError('Expected a whole number of at least 0.');
  };
  return new Option(flags, description).default(byDefault).argParser(parse);
}
