/** The pages of the documentation: Markdown files, found from each other by their links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCS = join(ROOT, 'docs');

/** The first page, whose links say in which order the others stand. */
export const START = join(DOCS, 'README.md');

/** The pages that are written for the site, all but the first one. */
export function guidePages() {
  const pages = readdirSync(DOCS).filter((name) => name.endsWith('.md'));
  return pages.map((name) => join(DOCS, name)).filter((path) => path !== START);
}

/**
 * Every page that can be reached from one by links, in the order in which a reader meets them: those of the first page before theirs.
 *
 * @param {string} start
 * @returns {string[]} paths, the start among them
 */
export function pagesFrom(start) {
  const pages = [start];
  for (const page of pages) {
    const next = linksOf(page).map(({ target }) => target);
    for (const path of next) if (extname(path) === '.md' && existsSync(path) && !pages.includes(path)) pages.push(path);
  }
  return pages;
}

/**
 * The links and pictures of a page that lead to files of this repository.
 *
 * @param {string} page
 * @returns {{ text: string, target: string, anchor: string | undefined }[]} as it is written, the path it means, and what stands behind `#`
 */
export function linksOf(page) {
  const written = [...withoutCode(readFileSync(page, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return written.filter((text) => !/^[a-z]+:/.test(text)).map((text) => ({ text, ...targetOf(page, text) }));
}

/**
 * @param {string} page
 * @param {string} text
 */
function targetOf(page, text) {
  const [path = '', anchor] = text.split('#');
  return { target: path === '' ? page : resolve(page, '..', decodeURI(path)), anchor };
}

/**
 * A page's heading of the first level; of a bare list of results, which has none, its path.
 *
 * @param {string} page
 */
export function pageTitle(page) {
  const [, title] = /^# (.+)$/m.exec(withoutFences(readFileSync(page, 'utf8'))) ?? [];
  return title?.replaceAll('`', '') ?? relative(ROOT, page).replaceAll(sep, '/').replace(/\.md$/, '');
}

/**
 * The anchors of a page's headings, as GitHub and the site make them.
 *
 * @param {string} page
 */
export function anchorsOf(page) {
  const headings = withoutFences(readFileSync(page, 'utf8')).matchAll(/^#{1,6} (.+)$/gm);
  const times = new Map();
  const anchors = [];
  for (const [, heading = ''] of headings) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const before = times.get(anchor) ?? 0;
    times.set(anchor, before + 1);
    anchors.push(before === 0 ? anchor : `${anchor}-${before}`);
  }
  return anchors;
}

/**
 * What stands between a page's fences of these languages.
 *
 * @param {string} page
 * @param {readonly string[]} languages
 * @returns {{ language: string, info: string, code: string }[]} the fence's first word, what else stands behind it, and the lines
 */
export function codeOf(page, languages) {
  const fences = readFileSync(page, 'utf8').matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm);
  const blocks = [...fences].map(([, language = '', info = '', code = '']) => ({ language, info: info.trim(), code }));
  return blocks.filter(({ language }) => languages.includes(language));
}

/** @param {string} text */
const withoutFences = (text) => text.replace(/^```[\s\S]*?^```$/gm, '');

/** @param {string} text */
const withoutCode = (text) => withoutFences(text).replace(/`[^`\n]+`/g, '');
