/** Packing: from a plugin's folder to one text, its source map and its manifest; and back to a definition. */
export { bundleScript } from './bundle.ts';
export { evaluatePacked, type PackedText, sandboxParts } from './evaluate.ts';
export type { PackProblem } from './fields.ts';
export { kindNames, type ManifestResult, readManifest } from './manifest.ts';
export { didYouMean, nearestOf } from './nearest.ts';
export { describeFolder, digestOf, type PackedManifest, type PackResult, packedNames, packPlugin } from './pack.ts';
export { type PackedFiles, packedLimits, readPackedFiles, readPackedManifest } from './packed-files.ts';
export {
  generateKeys,
  isSignedBy,
  keyIdOf,
  type PackedBytes,
  publicKeyOf,
  readSignatures,
  type Signature,
  signatureName,
  signatureText,
  signPacked,
} from './signature.ts';
export { Trace } from './trace.ts';
export { draftName, packUntrusted, type UntrustedDraft } from './untrusted.ts';
export { isInRange, isRange, newestIn, readReference, readVersion } from './versions.ts';
