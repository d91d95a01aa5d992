/** Writes CLIP ViT-B/16 with random weights as OpenAI names them. Usage: node randomClip.js FILE.safetensors */
import { initializeClip } from '#uafer/clip/initialize.js';
import { writeSafetensors } from '#uafer/engine/index.js';
import { VIT_B16 } from './vitB16.js';

writeSafetensors(process.argv[2], initializeClip(VIT_B16, 0));
