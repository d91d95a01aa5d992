/** Whether this processor computes in bf16, or has to be made to. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What the instructions are called: on x86 AVX512-BF16 and AMX-BF16, on Arm BF16 and SVE's. */
const INSTRUCTIONS = ['avx512_bf16', 'amx_bf16', 'bf16', 'svebf16'];

/** Whether the processor has instructions for products in bf16; null where the system doesn't tell. */
export function processorHasBfloat16(): boolean | null {
  try {
    if (process.platform === 'linux') return bfloat16InCpuinfo(readFileSync('/proc/cpuinfo', 'utf8'));
    if (process.platform === 'darwin') return macHasBfloat16();
  } catch {
    // A system that hides its processor tells nothing of it.
  }
  return null;
}

/** The same of the text of Linux's `/proc/cpuinfo`; null where it lists no capabilities. */
export function bfloat16InCpuinfo(text: string): boolean | null {
  // `flags` on x86, `Features` on Arm; each core has the line.
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1];
  if (line === undefined) return null;
  const flags = new Set(line.trim().split(/\s+/));
  return INSTRUCTIONS.some((name) => flags.has(name));
}

/** No processor of Intel's that Apple built in has them; of Apple's own the system says it. */
function macHasBfloat16(): boolean {
  if (process.arch !== 'arm64') return false;
  return execFileSync('sysctl', ['-n', 'hw.optional.arm.FEAT_BF16'], { encoding: 'utf8' }).trim() === '1';
}
