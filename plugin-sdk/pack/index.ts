/** Packing: from a plugin's folder to one text, its source map and its manifest; and back to a definition. */
export { bundleScript } from './bundle.ts';
export { evaluatePacked, type PackedText, sandboxParts } from './evaluate.ts';
export type { PackProblem } from './fields.ts';
export { kindNames, type ManifestResult, readManifest } from './manifest.ts';
export { didYouMean, nearestOf } from './nearest.ts';
export { describeFolder, digestOf, type PackedManifest, type PackResult, packedNames, packPlugin } from './pack.ts';
export { Trace } from './trace.ts';
export { draftName, packUntrusted, type UntrustedDraft } from './untrusted.ts';
