import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const python = process.env.PYTHON ?? 'python3';

/** Why comparisons with these Python modules have to be skipped; null when they can be made. */
export function missingModules(...modules: string[]): string | null {
  if (spawnSync(python, ['-c', `import ${modules.join(', ')}`]).status === 0) return null;
  return `${python} has no ${modules.join(' and ')}: comparison skipped (set PYTHON to one that has)`;
}

/** As `missingModules`, of packages that are installed but cannot be imported as they are. */
export function missingPackages(...packages: string[]): string | null {
  const code = 'import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))';
  if (spawnSync(python, ['-c', code, ...packages]).status === 0) return null;
  return `${python} has no ${packages.join(' and ')}: comparison skipped (set PYTHON to one that has)`;
}

/** Runs a program of test/support, or one given as text, and returns what it prints. */
export function runPython(program: { file: string } | { code: string }, ...args: string[]): string {
  const start = 'file' in program ? [fileURLToPath(new URL(program.file, import.meta.url))] : ['-c', program.code];
  const { status, stdout, stderr } = spawnSync(python, [...start, ...args], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${python} ${start[0]} failed:\n${stderr}`);
  return stdout;
}
