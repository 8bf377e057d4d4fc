/**
 * Gemini counts cached content inside the prompt, and reasoning beside the
 * reply; some answers count reasoning inside it, which the total gives away.
 * https://ai.google.dev/api/generate-content#UsageMetadata
 */
import type { Usage } from '../../contract/chat.ts';
import { defined, isArray, isObject, type JsonObject } from '../values.ts';

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.floor(value) : 0);
const some = (value: number) => (value > 0 ? value : undefined);

/** Buckets of a `usageMetadata` object; undefined for anything else. */
export function readUsage(found: unknown): Usage | undefined {
  if (!isObject(found) || typeof (found.promptTokenCount ?? found.totalTokenCount) !== 'number') return undefined;
  const prompt = count(found.promptTokenCount);
  const tools = count(found.toolUsePromptTokenCount);
  const thoughts = count(found.thoughtsTokenCount);
  const reply = replyTokens(found, prompt + tools);
  const cachedInput = Math.min(prompt, count(found.cachedContentTokenCount));
  const audioOfCache = audioIn(found.cacheTokensDetails);
  const audioInput = Math.min(prompt - cachedInput, Math.max(0, audioIn(found.promptTokensDetails) - audioOfCache));
  const audioOutput = Math.min(reply, audioIn(found.candidatesTokensDetails));
  return defined({
    input: prompt - cachedInput - audioInput + tools,
    output: reply - audioOutput,
    cachedInput: some(cachedInput),
    reasoning: some(thoughts),
    audioInput: some(audioInput),
    audioOutput: some(audioOutput),
  });
}

/** Tokens of the reply without its reasoning. */
function replyTokens(found: JsonObject, prompt: number): number {
  const total = count(found.totalTokenCount);
  const thoughts = count(found.thoughtsTokenCount);
  if (typeof found.candidatesTokenCount !== 'number') return Math.max(0, total - prompt - thoughts);
  const candidates = count(found.candidatesTokenCount);
  return thoughts > 0 && thoughts <= candidates && total === prompt + candidates ? candidates - thoughts : candidates;
}

function audioIn(details: unknown): number {
  if (!isArray(details)) return 0;
  const audio = details.filter((each): each is JsonObject => isObject(each) && each.modality === 'AUDIO');
  return audio.reduce((sum, { tokenCount }) => sum + count(tokenCount), 0);
}
