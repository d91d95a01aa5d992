/** Tables for papers and pages: LaTeX and Markdown. */
import type { Cell, Table } from './tables.js';

/** Tables of GitHub's Markdown under a heading each. */
export function markdown(title: string, tables: readonly Table[]): string {
  return `# ${markdownText(title)}\n\n${tables.map(markdownTable).join('\n')}`;
}

function markdownTable({ title, heading, rows, note }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const cell = (value: Cell) => (typeof value === 'string' ? markdownText(value) : `**${markdownText(value.best)}**`);
  const lines = [
    line(heading.map(markdownText)),
    line(heading.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...rows.map((row) => line(row.map(cell))),
  ];
  const below = note === undefined ? '' : `\n${markdownText(note)}\n`;
  return `## ${markdownText(title)}\n\n${lines.join('\n')}\n${below}`;
}

/** What would be read as markup. */
function markdownText(value: string): string {
  return value.replace(/[\r\n]+/g, ' ').replace(/[\\`*_[\]<>|#~]/g, '\\$&');
}

/** Tables with rules of the package `booktabs`, to be included by a document that uses it. */
export function latex(tables: readonly Table[]): string {
  return `% \\usepackage{booktabs}\n\n${tables.map(latexTable).join('\n')}`;
}

function latexTable({ title, heading, rows, note }: Table): string {
  const line = (cells: readonly string[]) => `    ${cells.join(' & ')} \\\\`;
  const cell = (value: Cell) => (typeof value === 'string' ? latexText(value) : `\\textbf{${latexText(value.best)}}`);
  return [
    '\\begin{table}',
    '  \\centering',
    `  \\caption{${latexText(note === undefined ? `${title}.` : `${title}. ${note}`)}}`,
    `  \\begin{tabular}{l${'r'.repeat(heading.length - 1)}}`,
    '    \\toprule',
    line(heading.map(latexText)),
    '    \\midrule',
    ...rows.map((row) => line(row.map(cell))),
    '    \\bottomrule',
    '  \\end{tabular}',
    '\\end{table}',
    '',
  ].join('\n');
}

const LATEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  '↑': '$\\uparrow$',
  '↓': '$\\downarrow$',
  ρ: '$\\rho$',
};

/** Characters that LaTeX would read as commands, and those of ours that its fonts lack. */
function latexText(value: string): string {
  return value.replace(/[\r\n]+/g, ' ').replace(/[\\~^<>|↑↓ρ#$%&_{}]/g, (letter) => LATEX[letter] ?? `\\${letter}`);
}
