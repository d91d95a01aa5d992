/** The WebAssembly of `kernels/`, in base64: `scripts/build-kernels.js` writes `dist/kernels/binary.js`. */
export const binary: string;
