/** The shapes of CLIP ViT-B/16. */
export const VIT_B16 = {
  vision: { width: 768, layers: 12, heads: 12, patchSize: 16, imageSize: 224 },
  text: { width: 512, layers: 12, heads: 8, contextLength: 77, vocabularySize: 49408 },
  embedDim: 512,
};
