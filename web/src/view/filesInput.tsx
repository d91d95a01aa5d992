import type { RefObject } from 'preact';
import { openFiles } from '../take';

interface FilesInputProps {
  /** A button clicks it: the element itself is not seen. */
  inputRef: RefObject<HTMLInputElement | null>;
  label: string;
  accept?: string;
  multiple?: boolean;
}

/** Where a person chooses files, by their browser's own window. */
export function FilesInput({ inputRef, label, ...taken }: FilesInputProps) {
  return (
    <input
      ref={inputRef}
      class="unseen"
      type="file"
      {...taken}
      aria-label={label}
      tabIndex={-1}
      onChange={(event) => openFiles(event.currentTarget)}
    />
  );
}
