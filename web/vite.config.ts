import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, '../package.json'), 'utf8'));

/** What gives a page shared memory, and with it threads. */
const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "img-src 'self' blob:",
  'media-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** In the built page alone: Vite's development server works with scripts and styles that stand in the page. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy }, injectTo: 'head-prepend' },
  ],
};

/** What is in the built page beside this project's own, each with its licence. */
const PACKAGES = [
  'onnxruntime-web',
  'preact',
  'zod',
  'fflate',
  '@fontsource-variable/newsreader',
  '@fontsource-variable/public-sans',
];

const licences: Plugin = {
  name: 'licences',
  apply: 'build',
  generateBundle() {
    const read = (path: string) => readFileSync(join(root, '..', path), 'utf8').trim();
    const parts = [
      ['uafer', read('LICENSE')],
      ['What others made and uafer carries', read('THIRD_PARTY.md')],
      ['BlazeFace', read('models/LICENSE.blazeface')],
      ...PACKAGES.map((name) => [name, licenceOf(name)]),
    ];
    const source = parts.map(([name, text]) => `${name}\n\n${text}\n`).join(`\n${'-'.repeat(80)}\n\n`);
    this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source });
  },
};

/** Of the package's file, or where it has none what its `package.json` says. */
function licenceOf(name: string): string {
  const folder = join(root, '../node_modules', name);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file) return readFileSync(join(folder, file), 'utf8').trim();
  const { license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${license}, by ${author?.name ?? author}`;
}

/** Tells the service worker, once everything is written, what there is to keep, and gives that a number. */
const offlineFiles: Plugin = {
  name: 'offline-files',
  apply: 'build',
  writeBundle: {
    order: 'post',
    handler({ dir: outDir = '' }) {
      const files = filesIn(outDir).filter((path) => path !== 'serviceWorker.js');
      const hash = createHash('sha256');
      for (const path of files) hash.update(path).update(readFileSync(join(outDir, path)));
      const worker = join(outDir, 'serviceWorker.js');
      const text = readFileSync(worker, 'utf8')
        .replace('BUILD_NUMBER', hash.digest('hex').slice(0, 8))
        .replace('BUILD_FILES', files.join('|'));
      writeFileSync(worker, text);
      const bytes = [...files, 'serviceWorker.js'].reduce((sum, path) => sum + statSync(join(outDir, path)).size, 0);
      console.log(
        `${relative(process.cwd(), outDir)}: ${(bytes / 1e6).toFixed(1)} MB in ${files.length + 1} files; any server of files will do.`,
      );
    },
  },
};

/** Paths below a folder with `/`, sorted. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

/** ONNX Runtime's own module is loaded by its address; not every server knows what `.mjs` is. */
const assetFileNames = ({ names }: { names: string[] }) =>
  names.some((name) => name.endsWith('.mjs')) ? 'assets/[hash].js' : 'assets/[name]-[hash][extname]';

// biome-ignore lint/style/noDefaultExport: Vite reads the configuration from the default export.
export default defineConfig({
  root,
  base: './',
  define: { PACKAGE_VERSION: JSON.stringify(version) },
  // ONNX Runtime without its WebAssembly in the script, and not the copy that it would find by itself.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
  plugins: [contentSecurityPolicy, licences, offlineFiles],
  worker: { format: 'es', rollupOptions: { output: { assetFileNames } } },
  build: {
    outDir: join(root, 'dist'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: join(root, 'index.html'), serviceWorker: join(root, 'src/serviceWorker.ts') },
      output: {
        assetFileNames,
        entryFileNames: ({ name }) => (name === 'serviceWorker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: { headers: isolated, fs: { allow: [join(root, '..')] } },
  preview: { headers: isolated },
});
