import type { Decision } from '#uafer/metrics/decision.js';

/** The sign of a decision: full, half, and an open ring of dashes. The words stand beside it. */
export function Mark({ decision }: { decision: Decision | null }) {
  return (
    <svg class={`mark mark-${decision ?? 'none'}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <circle
        cx="8"
        cy="8"
        r="6.25"
        fill="none"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-dasharray={decision === 'reject' ? '2.2 2.71' : undefined}
      />
      {decision === 'ambiguous' && <path d="M8 1.75a6.25 6.25 0 0 0 0 12.5z" fill="currentColor" />}
      {decision === 'report' && <circle cx="8" cy="8" r="6.25" fill="currentColor" />}
    </svg>
  );
}
