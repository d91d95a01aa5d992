import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

interface SpecialFile {
  name: string;
  /** Makes it at `path`; `folder` is for what it needs beside. */
  make(path: string, folder: string): void | Promise<void>;
  said: string;
}

/** What stands where a file is expected and isn't one. To read the first would wait for ever, to read the second never end. */
export const specialFiles: readonly SpecialFile[] = [
  { name: 'fifo', make: (path) => void execFileSync('sh', ['-c', 'mkfifo "$0"', path]), said: 'it is not a file but a FIFO' },
  { name: 'zero', make: (path) => symlinkSync('/dev/zero', path), said: 'it is not a file but a device' },
  { name: 'socket', make: makeSocket, said: 'it is not a file but a socket' },
  { name: 'folder', make: (path) => void mkdirSync(path), said: 'it is not a file but a folder' },
];

/** A link to a socket: its own path may have 107 letters at most. */
async function makeSocket(path: string, folder: string): Promise<void> {
  const server = createServer();
  const socket = join(folder, `${Math.random().toString(36).slice(2, 6)}.sock`);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  server.unref();
  symlinkSync(socket, path);
}
