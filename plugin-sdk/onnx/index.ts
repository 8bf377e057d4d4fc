/** ONNX files: written for networks that were learnt here, read for those learnt elsewhere. */
export type { OnnxAttribute, OnnxData, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';
export { readOnnx } from './read.ts';
export { writeOnnx } from './write.ts';
