import { InvalidArgumentError } from 'commander';

/** The path of a page: what stands beside it has its name with other endings. */
export function pagePath(path: string): string {
  if (/\.html?$/i.test(path)) return path;
  throw new InvalidArgumentError('Expected a path that ends in .html.');
}
