/** Small numerics on typed arrays, seeded throughout. */
export { adam, type DescentOptions, descend, type Moments, moments } from './adam.ts';
export { fitRatings } from './bradley-terry.ts';
export { type KMeansOptions, kMeans, nearestCentre } from './k-means.ts';
export { type LogisticOptions, type LogisticWeights, logits, trainLogistic } from './logistic.ts';
export { createNetwork, forward, type Layer, type MlpOptions, type Network, softmax, trainMlp } from './mlp.ts';
export { type Neighbours, nearest } from './neighbours.ts';
export { fitPlatt, type Platt } from './platt.ts';
export { beta, createRandom, gamma, hashText, normal, type Random, shuffle } from './random.ts';
export { fitRidge, predictRidge, type Ridge } from './ridge.ts';
export { type Svm, type SvmOptions, trainSvm } from './svm.ts';
export { argmax, dotAt, type Matrix, matrix, meanOf, normalise, rowOf, sigmoid } from './vectors.ts';
