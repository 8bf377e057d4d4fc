/** What strategies share: limits of deployments, slow starts, expected replies, fair orders. */
export { type ExpectedTokens, expectedPico } from './cost.ts';
export { type DeploymentLimits, type DeploymentLimitsOptions, deploymentLimits } from './limits.ts';
export { type ExpectedReplies, expectedReplies } from './replies.ts';
export { shuffle } from './shuffle.ts';
export { type SizeMeasure, sizeOf } from './size.ts';
export { type SlowStart, slowStart } from './slow-start.ts';
export { tierOf } from './tier.ts';
