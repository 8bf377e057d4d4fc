/** The contract between Rutter's kernel and its plugins. */
export type * from './contract/chat.ts';
export type * from './contract/decision.ts';
export { type ErrorCode, type ErrorOptions, errorKinds, type Retry, RutterError } from './contract/errors.ts';
export type * from './contract/feedback.ts';
export type * from './contract/host.ts';
export type * from './contract/kinds.ts';
export {
  apiVersion,
  artefact,
  type Claims,
  definePlugin,
  type Instance,
  location,
  type Manifest,
  type Need,
  needNames,
  type PinnedFile,
  type PluginDefinition,
  readPinned,
  secret,
  z,
} from './contract/plugin.ts';
export type * from './contract/request.ts';
export type * from './contract/routing.ts';
export type * from './contract/services.ts';
export type * from './contract/wire.ts';
