/** The pages of the documentation hold what they promise: links lead somewhere, commands and code are those of the program, figures were measured. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { normaliseArguments } from '#uafer/cli/arguments.js';
import { packagePath } from '#uafer/paths.js';
import { anchorsOf, codeOf, guidePages, linksOf, pagesFrom, START } from '../../scripts/docsPages.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';

const ROOT = packagePath('.');
const PAGES = pagesFrom(START);
const GUIDE = [START, ...guidePages()];
const COMPARISON = packagePath('docs', 'compare.md');
const SCRIPTS: Record<string, string> = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')).scripts;
const shown = (path: string) => relative(ROOT, path);

test('every page of docs/ is reached from the first one', () => {
  expect(GUIDE.length).toBeGreaterThan(7);
  expect(GUIDE.filter((page) => !PAGES.includes(page)).map(shown)).toEqual([]);
  expect(PAGES.map(shown)).toContain('ARCHITECTURE.md');
});

test.each(PAGES.map(shown))('the links of %s lead to files and headings that are there', (page) => {
  expect(brokenLinks(join(ROOT, page))).toEqual([]);
});

test('links to files and headings that are not there are found', () => {
  using folder = temporaryFolder();
  const links = ['b.md', 'b.md#it--them', 'b.md#again-1', '#a', 'c.md', 'b.md#it', 'sub', 'https://example.org/c'];
  const code = '`[code](d.md)`\n\n```text\n[more](e.md)\n```\n';
  writeFiles(folder.path, {
    'a.md': `# A\n\n${links.map((link) => `[a link](${link})`).join(' ')} ${code}`,
    'b.md': '# B\n\n## It & `them`\n\n### Again\n\n### Again\n',
    'sub/f.md': '# F\n',
  });
  expect(brokenLinks(join(folder.path, 'a.md'))).toEqual(['c.md', 'b.md#it', 'sub']);
});

function brokenLinks(page: string): string[] {
  const broken = linksOf(page).filter(({ target, anchor }) => {
    // A folder would be a page on GitHub, but nothing on the site.
    if (!existsSync(target) || !statSync(target).isFile()) return true;
    return anchor !== undefined && !(target.endsWith('.md') && anchorsOf(target).includes(anchor));
  });
  return broken.map(({ text }) => text);
}

/** A page's commands, a line each, with what continues a line on it. */
function shellLines(page: string): string[] {
  const blocks = codeOf(page, ['sh']).map(({ code }) => code.replaceAll('\\\n', ' '));
  const lines = blocks.flatMap((code) => code.split('\n')).filter((line) => line !== '' && !line.startsWith('#'));
  return lines.flatMap((line) => line.split(' && '));
}

/** Those in the text, which begin with the program's name. */
function inlineCommands(page: string): string[] {
  const text = readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] as string);
  return code.filter((each) => /^(npx uafer|npm run) \S/.test(each));
}

const printed = GUIDE.flatMap((page) => [...new Set(shellLines(page))].map((line) => [shown(page), line] as const));

test('there are commands to be tried', () => {
  expect(printed.length).toBeGreaterThan(20);
});

test.each(printed)('%s: %s is a command as the program takes it', async (_page, line) => {
  await expectCommand(line);
});

test('commands that are named in the text exist', async () => {
  const named = new Set(GUIDE.flatMap(inlineCommands));
  expect(named.size).toBeGreaterThan(5);
  for (const line of named) {
    if (line.startsWith('npm')) await expectCommand(line);
    else if (!line.includes('COMMAND')) expect(await commandFile(line.split(' ')[2] as string), line).toBeDefined();
  }
});

test('a command that does not exist, and an option, are found', async () => {
  await expect(expectCommand('npx uafer predikt photo.jpg')).rejects.toThrow();
  await expect(expectCommand('npx uafer predict photo.jpg --overlap seen')).rejects.toThrow(/--overlap/);
  await expect(expectCommand('npx uafer export runs/faces')).rejects.toThrow(/--to/);
  await expect(expectCommand('npx uafer export runs/faces --to models --precision fp12')).rejects.toThrow(/fp12/);
  await expect(expectCommand('npm run docks')).rejects.toThrow();
});

/** Hands a printed line to the program's own definition of the command, whose work is left out. */
async function expectCommand(line: string): Promise<void> {
  const [program, ...words] = shellWords(line);
  if (program === 'npm') return expectScript(words);
  // Of a service: curl asks it something.
  if (program === 'curl') return;
  expect([program, words[0]], line).toEqual(['npx', 'uafer']);
  const [name = '', ...args] = words.slice(1);
  const uafer = new Command('uafer').exitOverride().configureOutput({ writeErr: () => {} });
  const command = uafer.command(name);
  (await commandFile(name))(command);
  for (const each of [command, ...command.commands]) each.action(() => {});
  await uafer.parseAsync(normaliseArguments([name, ...args]), { from: 'user' });
}

/** What adds the command: `src/cli` has a file for each, with one such function. */
async function commandFile(name: string): Promise<(command: Command) => void> {
  const exports: Record<string, unknown> = await import(packagePath('dist', 'cli', `${name}.js`));
  const add = Object.entries(exports).find(([key]) => key.toLowerCase() === `add${name}`)?.[1];
  if (typeof add !== 'function') throw new Error(`There is no command uafer ${name}.`);
  return add as (command: Command) => void;
}

function expectScript([verb = '', ...rest]: string[]): void {
  if (verb === 'ci' || verb === 'install') return;
  const [script = '', part] = verb === 'run' ? rest : [verb];
  expect(Object.keys(SCRIPTS)).toContain(script);
  if (script === 'bench') expect(existsSync(packagePath('bench', `${part}.js`)), `bench/${part}.js`).toBe(true);
}

function shellWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, plain]) => double ?? single ?? plain ?? '');
}

test('code is what the types of the package allow', () => {
  using folder = temporaryFolder();
  const blocks = GUIDE.flatMap((page) =>
    codeOf(page, ['js', 'ts']).map((block, i) => ({ ...block, file: `${basename(page, '.md')}-${i + 1}.${block.language}` })),
  );
  expect(blocks.length).toBeGreaterThan(4);
  expect(blocks.filter(({ info }) => !['', 'browser'].includes(info))).toEqual([]);
  mkdirSync(join(folder.path, 'node_modules'));
  symlinkSync(ROOT, join(folder.path, 'node_modules', 'uafer'));
  symlinkSync(packagePath('node_modules', 'onnxruntime-web'), join(folder.path, 'node_modules', 'onnxruntime-web'));
  writeFiles(folder.path, { 'package.json': '{"type":"module"}' });
  for (const where of ['', 'browser']) {
    const files = Object.fromEntries(blocks.filter(({ info }) => info === where).map(({ file, code }) => [file, code]));
    if (Object.keys(files).length > 0) expect(typeErrors(folder.path, where, files)).toBe('');
  }
});

test('code that the types of the package do not allow is found', () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'node_modules'));
  symlinkSync(ROOT, join(folder.path, 'node_modules', 'uafer'));
  writeFiles(folder.path, { 'package.json': '{"type":"module"}' });
  const code = "import { createPredictor } from 'uafer';\nawait (await createPredictor()).foresee('photo.jpg');\n";
  expect(typeErrors(folder.path, '', { 'wrong.js': code })).toContain('foresee');
});

/** What TypeScript says of programs that import the package as they would elsewhere: in Node.js, or bundled for a browser. */
function typeErrors(folder: string, where: string, files: Record<string, string>): string {
  const browser = where === 'browser';
  const compilerOptions = {
    target: 'es2022',
    module: browser ? 'esnext' : 'nodenext',
    moduleResolution: browser ? 'bundler' : 'nodenext',
    lib: ['es2023', 'esnext.disposable', 'dom', 'dom.iterable'],
    types: browser ? [] : ['node'],
    typeRoots: [packagePath('node_modules', '@types')],
    ...(browser && { customConditions: ['browser'] }),
    strict: true,
    allowJs: true,
    checkJs: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const config = `tsconfig-${browser ? 'browser' : 'node'}.json`;
  writeFiles(folder, { ...files, [config]: JSON.stringify({ compilerOptions, files: Object.keys(files) }) });
  try {
    execFileSync(process.execPath, [packagePath('node_modules', 'typescript', 'bin', 'tsc'), '-p', join(folder, config)], {
      cwd: folder,
      encoding: 'utf8',
    });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

const NUMBER = /(?<![\w.,-])-?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)*(?:e-?\d+)?(?!\w|[,.]\d)/g;
const numbersOf = (text: string) => (text.match(NUMBER) ?? []).filter((number) => /\d/.test(number));

/** Paragraphs and tables of the benchmarks' page and results. */
const measured = [packagePath('bench', 'README.md'), ...markdownIn(packagePath('bench', 'results'))]
  .flatMap((path) => readFileSync(path, 'utf8').split(/\n\s*\n/))
  .map((block) => new Set(numbersOf(block)));

const compared = readFileSync(COMPARISON, 'utf8');

test.each(figureLines(compared))('the figures of "%s" were measured together', (line) => {
  const figures = numbersOf(line);
  const missing = measured.map((block) => figures.filter((figure) => !block.has(figure)));
  const fewest = missing.reduce((least, each) => (each.length < least.length ? each : least));
  expect(fewest, 'no paragraph or table of bench/README.md or bench/results has them all').toEqual([]);
});

test('a figure that nobody measured is found', () => {
  expect(measured.some((block) => ['83.8', '57.1', '83.1', '4'].every((figure) => block.has(figure)))).toBe(true);
  expect(measured.some((block) => ['93.8', '57.1'].every((figure) => block.has(figure)))).toBe(false);
});

test('every comparison says by which command, and when', () => {
  const sections = compared.split(/^## /m).slice(1);
  const withFigures = sections.filter((section) => figureLines(section).length > 0);
  expect(withFigures.length).toBeGreaterThan(4);
  const dates = new Set(readFileSync(packagePath('bench', 'README.md'), 'utf8').match(/\d{4}-\d{2}-\d{2}/g));
  for (const section of withFigures) {
    expect(section).toMatch(/`(npm run bench \w+|uafer eval)/);
    const [date = ''] = /\d{4}-\d{2}-\d{2}/.exec(section) ?? [];
    expect([...dates], section.split('\n')[0]).toContain(date);
  }
});

/** Rows of tables and paragraphs that hold a figure; the paragraph that names the command tells of the machine and the pictures. */
function figureLines(text: string): string[] {
  const blocks = text.split(/\n\s*\n/).filter((block) => !block.startsWith('#') && !/\d{4}-\d{2}-\d{2}/.test(block));
  const lines = blocks.flatMap((block) => (block.startsWith('|') ? block.split('\n').slice(2) : [block.replaceAll('\n', ' ')]));
  return lines.filter((line) => numbersOf(line).length > 0);
}

function markdownIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  return names.map((name) => join(folder, name));
}
