/** What tests through a live gateway are written with. */
export { type AnthropicVendorOptions, anthropicVendor } from './anthropic-vendor.ts';
export { anthropicClient, openAiClient, openAiDeployment } from './clients.ts';
export {
  type Gateway,
  type GatewayEnd,
  type GatewayOptions,
  type LogLine,
  root,
  startGateway,
  startRefused,
} from './gateway.ts';
export { endAfterFile } from './leftovers.ts';
export {
  cutStream,
  endlessHeaders,
  garbage,
  html,
  hugeBody,
  type Phase,
  redirect,
  reset,
  stall,
  stallStream,
  startBrokenVendor,
} from './misbehaviour.ts';
export {
  type Delays,
  type Failure,
  fail,
  type OpenAiVendorOptions,
  openAiVendor,
  sendEvents,
  sendJson,
} from './openai-vendor.ts';
export { readEvents, type ServerEvent, streamedText } from './sse.ts';
export { until, within } from './until.ts';
export {
  startVendor,
  type Vendor,
  type VendorExchange,
  type VendorHandler,
  type VendorOptions,
  type VendorRequest,
} from './vendor.ts';
