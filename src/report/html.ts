/** HTML from text and tables. Whatever names stand in them stay text. */
import { escapeUTF8 } from 'entities';
import type { Cell, Table } from './tables.js';

export const text = escapeUTF8;

/** A part of the page. */
export interface Section {
  heading: string;
  /** HTML. */
  body: string;
}

/** An anchor that a link names. */
export function anchor(heading: string, prefix = ''): string {
  return `${prefix}${heading.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
}

export function paragraph(words: string, kind = ''): string {
  return `<p${kind === '' ? '' : ` class="${kind}"`}>${withCode(words)}</p>`;
}

/** Sentences as HTML: what stands in backticks is to be typed. */
export function withCode(words: string): string {
  return text(words).replace(/`([^`]+)`/g, '<code>$1</code>');
}

/** A list of HTML fragments without the empty ones. */
export function joined(parts: readonly (string | null | undefined | false)[]): string {
  return parts.filter((part): part is string => typeof part === 'string').join('\n');
}

/** The first row is the heading, the first column names the rows; a table that is wider than the page scrolls in a box, by keyboard too. */
export function htmlTable({ title, heading, rows, note }: Table, kind = 'scores'): string {
  const head = heading.map((name) => `<th scope="col">${text(name)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('');
  const table = `<table class="${kind}"><caption>${text(title)}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
  const box = `<div class="scroll" tabindex="0" role="region" aria-label="${text(title)}">${table}</div>`;
  return note === undefined ? box : `<div>${box}${paragraph(note, 'small')}</div>`;
}

function cell(value: Cell, column: number): string {
  if (column === 0) return `<th scope="row">${text(cellText(value))}</th>`;
  return typeof value === 'string' ? `<td>${text(value)}</td>` : `<td class="best">${text(value.best)}</td>`;
}

function cellText(value: Cell): string {
  return typeof value === 'string' ? value : value.best;
}
