import { readFileSync } from 'node:fs';

export interface StoredTensor {
  shape: number[];
  data: Float32Array;
}

/** Reads the fp32 tensors of a safetensors file, without the engine: what tests compare with must not depend on what they test. */
export function readSafetensors(file: string | URL): Record<string, StoredTensor> {
  const bytes = readFileSync(file);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const start = 8 + headerLength;
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header)
      .filter(([name, { dtype }]) => name !== '__metadata__' && dtype === 'F32')
      .map(
        ([
          name,
          {
            shape,
            data_offsets: [from, to],
          },
        ]) => {
          const copy = Uint8Array.from(bytes.subarray(start + from, start + to));
          return [name, { shape, data: new Float32Array(copy.buffer) }];
        },
      ),
  );
}
