/** Writes CLIP ViT-B/16 with random weights as OpenAI names them. Usage: node randomClip.js FILE.safetensors */
import { initializeClip } from '#uafer/clip/initialize.js';
import { writeSafetensors } from '#uafer/engine/index.js';

const architecture = {
  vision: { width: 768, layers: 12, heads: 12, patchSize: 16, imageSize: 224 },
  text: { width: 512, layers: 12, heads: 8, contextLength: 77, vocabularySize: 49408 },
  embedDim: 512,
};
writeSafetensors(process.argv[2], initializeClip(architecture, 0));
