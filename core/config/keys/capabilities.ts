/**
 * Capabilities that own keys: until one is there, its keys have no effect,
 * which is told in a warning that names it.
 */
import { ownedBy } from './key.ts';

export const virtualKeys = ownedBy('virtual keys');
export const budgets = ownedBy('budgets and spend');
export const caches = ownedBy('caches of replies');
export const guardrails = ownedBy('guardrails');
export const mcp = ownedBy('the MCP gateway');
export const agents = ownedBy('the agent gateway');
export const vectorStores = ownedBy('vector stores');
export const callbacks = ownedBy('callbacks and alerts');
export const files = ownedBy('files, batches, fine-tuning and assistants');
export const media = ownedBy('images, audio and moderation');
export const prompts = ownedBy('stored prompts');
export const passThrough = ownedBy('pass-through routes');
export const signOn = ownedBy('single sign-on');
export const secretManagers = ownedBy('secret managers');
export const search = ownedBy('search tools');
export const queue = ownedBy('the queue of requests');
export const dashboard = ownedBy('the dashboard');
export const sharedState = ownedBy('a shared state server');
export const prices = ownedBy('the price table');
export const translation = ownedBy('translation');
export const oneDeployment = ownedBy('settings of single deployments');
export const learnedRouting = ownedBy('routing by what a prompt says');
