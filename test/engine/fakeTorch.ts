import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A folder that looks like a libtorch of this version: a wheel's, or an unpacked archive's. */
export function fakeTorch(root: string, version: string, kind: 'wheel' | 'archive' = 'wheel'): string {
  const library = process.platform === 'darwin' ? 'lib/libtorch_cpu.dylib' : 'lib/libtorch_cpu.so';
  for (const part of [library, 'include/ATen/ATen.h', 'share/cmake/Torch/TorchConfig.cmake']) put(join(root, part), '');
  if (kind === 'wheel') put(join(root, 'version.py'), `__all__ = ['__version__']\n__version__ = '${version}'\ndebug = False\n`);
  else put(join(root, 'build-version'), `${version}\n`);
  return root;
}

/** An executable shell script. */
export function script(path: string, body: string): string {
  put(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
