/** Small numerics on typed arrays, seeded throughout. */
export { type LogisticOptions, type LogisticWeights, logits, trainLogistic } from './logistic.ts';
export { createNetwork, forward, type Layer, type MlpOptions, type Network, trainMlp } from './mlp.ts';
export { type Neighbours, nearest } from './neighbours.ts';
export { createRandom, hashText, normal, type Random, shuffle } from './random.ts';
export { fitRidge, predictRidge, type Ridge } from './ridge.ts';
export { argmax, dotAt, type Matrix, matrix, meanOf, normalise, rowOf, sigmoid } from './vectors.ts';
