import { UaferError } from '../errors.js';
import { readLines } from '../files.js';

/**
 * The texts that a prompt setting stands for, each with `{class}` in it: the setting itself, or the lines of a `.txt` file (an ensemble,
 * Radford et al. 2021, section 3.1.4).
 *
 * @throws UaferError `DATA` naming the file and the line without `{class}`, or when the file has no line
 */
export function classTemplates(prompt: string): string[] {
  if (prompt.includes('{class}')) return [prompt];
  const lines = readLines(prompt, '--prompt takes a text with {class} in it, or a file of such texts, one a line');
  const wrong = lines.findIndex((line) => line.trim() !== '' && !line.includes('{class}'));
  if (wrong >= 0)
    throw new UaferError('DATA', `${prompt}:${wrong + 1}: expected a text with {class} in it, got "${lines[wrong]}"`);
  const templates = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (templates.length === 0)
    throw new UaferError('DATA', `${prompt}: expected a text with {class} in it on each line, found none`);
  return templates;
}
