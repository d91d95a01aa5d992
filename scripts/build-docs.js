/**
 * The documentation site, into docs/dist: the pages of docs/ and every Markdown page that they lead to, the interfaces from their docstrings,
 * and the live page (web/dist, which `npm run build:web` makes). TypeDoc works with the JavaScript API of an older TypeScript than the
 * project compiles with, so that both are in a folder of their own (docs/site/package.json).
 */
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { guidePages, pagesFrom, pageTitle, START } from './docsPages.js';
import { packageFolder } from './packageFolder.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'docs/dist');
const LIVE = join(ROOT, 'web/dist');
const FONT_PACKAGES = join(ROOT, 'node_modules/@fontsource-variable');
const FONTS = [
  'public-sans/files/public-sans-latin-wght-normal.woff2',
  'newsreader/files/newsreader-latin-opsz-normal.woff2',
  'newsreader/files/newsreader-latin-opsz-italic.woff2',
];
/** The package's entries: the folder of each, and the name that it is imported by. */
const ENTRIES = {
  node: 'uafer',
  browser: 'uafer in a browser',
  train: 'uafer/train',
  engine: 'uafer/engine',
};

/** The pages of the guide are unfolded beside the first page that somebody sees. */
const OPEN_GUIDE = 'try { localStorage["tsd-accordion-Guide"] ??= "true"; } catch {}';

if (!existsSync(join(LIVE, 'index.html'))) throw new Error('web/dist is not there: npm run build:web makes it.');
const packages = packageFolder(join(ROOT, 'docs/site'), join(ROOT, 'node_modules/.cache/uafer-docs'));
const typedoc = await import(pathToFileURL(join(packages, 'node_modules/typedoc/dist/index.js')).href);
await build(typedoc);
addLivePage();
addFonts();
const broken = brokenLinks();
if (broken.length > 0) throw new Error(`Links that lead nowhere:\n${broken.join('\n')}`);
const [all, live] = [sizeOf(OUT), sizeOf(join(OUT, 'try'))].map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`);
console.log(`docs/dist: ${all} in ${filesIn(OUT).length} files, ${live} of it the live page; any server of files will do.`);
console.log('To look at it here: npx vite preview --outDir docs/dist');

/** @param {any} typedoc the module: it is not among the project's packages, so that its types aren't either */
async function build({ Application, Converter, JSX, PageEvent, ReflectionKind }) {
  const pages = pagesFrom(START).slice(1);
  const app = await Application.bootstrap({
    name: 'uafer',
    tsconfig: join(ROOT, 'docs/site/tsconfig.json'),
    basePath: ROOT,
    displayBasePath: ROOT,
    entryPoints: Object.keys(ENTRIES).map((folder) => join(ROOT, 'src', folder, 'index.ts')),
    readme: START,
    projectDocuments: pages,
    out: OUT,
    disableSources: true,
    excludeInternal: true,
    excludeExternals: true,
    headings: { readme: false, document: false },
    navigation: { includeGroups: true, includeCategories: false, includeFolders: false },
    groupOrder: ['Guide', 'Modules', 'Project', '*'],
    sortEntryPoints: false,
    searchInDocuments: true,
    searchInComments: true,
    searchGroupBoosts: { Guide: 10 },
    visibilityFilters: {},
    customCss: join(ROOT, 'docs/site/style.css'),
    favicon: join(ROOT, 'web/public/icon.svg'),
    navigationLinks: { 'Try it': 'live' },
    hideGenerator: true,
    lightHighlightTheme: 'github-light-high-contrast',
    darkHighlightTheme: 'github-dark-high-contrast',
    highlightLanguages: ['bash', 'console', 'javascript', 'typescript', 'tsx', 'json', 'yaml', 'bibtex'],
    validation: { notExported: false, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: false },
    logLevel: 'Warn',
    treatWarningsAsErrors: true,
    treatValidationWarningsAsErrors: true,
  });
  const guide = new Set(guidePages());
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const path = app.files.getReflectionPath(document);
    document.name = path === join(ROOT, 'README.md') ? 'README' : pageTitle(path);
    document.frontmatter.group = guide.has(path) ? 'Guide' : 'Project';
  });
  app.renderer.hooks.on('content.begin', (context) =>
    context.page.url === 'index.html' ? livePicture(JSX) : JSX.createElement(JSX.Fragment, null),
  );
  app.renderer.hooks.on('head.end', () => JSX.createElement('script', null, JSX.createElement(JSX.Raw, { html: OPEN_GUIDE })));
  app.renderer.on(PageEvent.END, (page) => {
    const up = '../'.repeat(page.url.split('/').length - 1);
    page.contents = page.contents?.replaceAll('href="live"', `href="${up}try/index.html"`);
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getChildrenByKind(ReflectionKind.Module))
      module.name = ENTRIES[module.name.replace('src/', '')];
  });
  const project = await app.convert();
  if (!project) throw new Error('TypeDoc could not read the sources.');
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc had something to say: see above.');
}

/** The way to the live page, at the top of the first one. */
function livePicture({ createElement }) {
  const picture = createElement('img', { src: 'page.jpg', alt: '' });
  const words = createElement('span', null, 'Try it here: photos, video or camera, on your own device alone');
  return createElement('a', { class: 'live', href: 'try/index.html' }, picture, words);
}

function addLivePage() {
  cpSync(LIVE, join(OUT, 'try'), { recursive: true });
  copyFileSync(join(ROOT, 'docs/page.jpg'), join(OUT, 'page.jpg'));
}

/** The fonts of the live page, for the rest of the site; and the licences of all that others made and the site holds. */
function addFonts() {
  for (const path of FONTS) copyFileSync(join(FONT_PACKAGES, path), join(OUT, 'assets', path.split('/').at(-1) ?? ''));
  const fonts = ['public-sans', 'newsreader'].map((name) => join(FONT_PACKAGES, name));
  const programs = ['typedoc', 'lunr'].map((name) => join(packages, 'node_modules', name));
  const texts = [...fonts, ...programs].map(
    (path) => `${basename(path)}\n\n${readFileSync(join(path, 'LICENSE'), 'utf8').trim()}\n`,
  );
  writeFileSync(join(OUT, 'assets/LICENSES.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));
}

/** Links of the site to files and anchors that are not in it. */
function brokenLinks() {
  const pages = filesIn(OUT).filter(
    (path) => path.endsWith('.html') && !path.startsWith(join(OUT, 'try')) && !path.includes(`${sep}media${sep}`),
  );
  const texts = new Map(pages.map((path) => [path, readFileSync(path, 'utf8')]));
  return pages.flatMap((page) => {
    const links = [...(texts.get(page) ?? '').matchAll(/ (?:href|src)="([^"]+)"/g)].map((match) => match[1] ?? '');
    const inside = [...new Set(links)].filter((link) => !/^(?:[a-z]+:|#$)/.test(link));
    return inside.filter((link) => !leadsSomewhere(page, link, texts)).map((link) => `${relative(OUT, page)}: ${link}`);
  });
}

/**
 * @param {string} page
 * @param {string} link
 * @param {Map<string, string>} texts the pages, whose anchors are looked for
 */
function leadsSomewhere(page, link, texts) {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), decodeURI(path.split('?')[0] ?? ''));
  if (!existsSync(target)) return false;
  const text = texts.get(target);
  return !anchor || text === undefined || text.includes(`id="${decodeURIComponent(anchor)}"`);
}

/** @param {string} folder */
function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** @param {string} folder */
function sizeOf(folder) {
  return filesIn(folder).reduce((sum, path) => sum + statSync(path).size, 0);
}
