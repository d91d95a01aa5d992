/** What went wrong, as a stable word that programs may test. */
export type ErrorCode =
  | 'USAGE'
  | 'ENGINE_NOT_FOUND'
  | 'ENGINE_VERSION'
  | 'ENGINE_BUILD'
  | 'RUNTIME_NOT_FOUND'
  | 'OPERATOR'
  | 'CHECKPOINT'
  | 'DATA'
  | 'IMAGE'
  /** More than a stated limit allows. */
  | 'LIMIT'
  | 'TEXT_TOO_LONG'
  | 'DOWNLOAD'
  | 'DIVERGED'
  | 'LOCKED'
  | 'DISTRIBUTED'
  | 'INTERRUPTED'
  | 'IO';

/**
 * An error that a person can act on: the message names the file or option, what was expected and what to do. The command line
 * prints it without a stack trace.
 */
export class UaferError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UaferError';
    this.code = code;
  }

  /** Process exit code: 2 for wrong usage, 130 after Ctrl-C, 1 for every other failure. */
  get exitCode(): number {
    if (this.code === 'USAGE') return 2;
    return this.code === 'INTERRUPTED' ? 130 : 1;
  }
}
