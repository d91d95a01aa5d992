/** What the operating system says of files, in sentences. */
import { UaferError } from './errors.js';
import { shown } from './shown.js';

type Problem = readonly [what: string, remedy: string];

/** What went wrong, and what to do about it, by the error's code; before it by code and call where that says more. */
const PROBLEMS: Readonly<Record<string, Problem>> = {
  EACCES: ['permission is denied', 'Change the permissions, or choose another place'],
  EPERM: ['the system does not allow it', 'Change the owner or the permissions, or choose another place'],
  EROFS: ['the file system is read-only', 'Choose another place'],
  ENOSPC: ['no space is left on the disk', 'Make room on it, or choose another disk'],
  EDQUOT: ['the quota on this disk is used up', 'Make room, or choose another disk'],
  EFBIG: ['the file gets larger than the file system or `ulimit -f` allows', 'Choose another disk, or raise the limit'],
  ENOENT: ['it does not exist', 'Look for a mistake in the path'],
  'ENOENT mkdir': ['the system makes no folders there', 'Choose another place'],
  EEXIST: ['something is there already', 'Move it away, or choose another place'],
  ENOTDIR: ['a file stands where a folder is needed', 'Move the file away, or choose another place'],
  'EEXIST mkdir': ['a file stands where a folder is needed', 'Move the file away, or choose another place'],
  'ENOTDIR scandir': ['it is a file, and a folder was expected', 'Name a folder'],
  EISDIR: ['it is a folder, and a file was expected', 'Name a file'],
  ENOTEMPTY: ['the folder is not empty', 'Move what it holds away'],
  ELOOP: ['symbolic links lead in a circle', 'Mend or delete the link'],
  ENAMETOOLONG: ['the name is longer than the file system allows', 'Choose a shorter name'],
  EINVAL: ['the system cannot do this with it', 'Look for a mistake in the path'],
  ENXIO: ['it is a socket or a device, not a file', 'Name a file'],
  ENODEV: ['it is a device, not a file', 'Name a file'],
  EMFILE: ['too many files are open', 'Raise the limit (`ulimit -n`), or take fewer --workers'],
  ENFILE: ['too many files are open on this machine', 'End other programs, or take fewer --workers'],
  ENOMEM: ['memory is used up', 'Take fewer --workers, or end other programs'],
  EBUSY: ['something else is using it', 'End what uses it, or choose another place'],
  ETXTBSY: ['it is a program that is running', 'Choose another place'],
  EIO: ['the disk reports a failure', 'Look into the system’s log, and copy what you can to another disk'],
  ESTALE: ['the network file system has lost it', 'Mount it again'],
  ETIMEDOUT: ['the network file system does not answer', 'Look whether its server is up'],
  EPIPE: ['nobody reads it any more', 'Keep the reader running'],
};

/** An error that Node passes on from the system, as far as it says what it was doing. */
interface SystemError extends Error {
  code: string;
  syscall: string;
  path?: string;
  dest?: string;
}

function isSystemError(error: unknown): error is SystemError {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return false;
  return String(error.code) in PROBLEMS || 'path' in error;
}

function problemOf({ code, syscall, message }: SystemError): Problem {
  return PROBLEMS[`${code} ${syscall}`] ?? PROBLEMS[code] ?? rareProblem(message);
}

/** Node words what the system says: `ENOTSUP: operation not supported on socket, open '/a'`. */
function rareProblem(message: string): Problem {
  return [/^\w+: ([^,]+),/.exec(message)?.[1] ?? message, 'Choose another place'];
}

/** Why something failed, to stand behind a colon: `permission is denied (EACCES)`, or another error's own message. */
export function reasonOf(error: unknown): string {
  if (isSystemError(error)) return `${problemOf(error)[0]} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * The `IO` error for one of the system's, with its path and what to do: `/data/x: permission is denied (EACCES, open). Change ...`; null
 * for any other error.
 *
 * @param failed what could not be done, where that says more than the path that the system names: `out/a.jpg could not be written`
 */
export function systemFailure(error: unknown, failed?: string): UaferError | null {
  if (!isSystemError(error)) return null;
  const { code, syscall, path, dest } = error;
  const [what, remedy] = problemOf(error);
  const place = shown([path, dest].filter((part) => part !== undefined).join(' -> '));
  const call = failed === undefined || place === '' ? syscall : `${syscall} ${place}`;
  const about = failed ?? (place === '' ? 'A file' : place);
  return new UaferError('IO', `${about}: ${what} (${code}, ${call}). ${remedy}.`, { cause: error });
}
