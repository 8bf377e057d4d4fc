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
  const given = (sort: Modality) =>
    Math.max(0, tokensOf(sort, found.promptTokensDetails) - tokensOf(sort, found.cacheTokensDetails));
  const audioInput = Math.min(prompt - cachedInput, given('AUDIO'));
  const imageInput = Math.min(prompt - cachedInput - audioInput, given('IMAGE'));
  const videoInput = Math.min(prompt - cachedInput - audioInput - imageInput, given('VIDEO'));
  const audioOutput = Math.min(reply, tokensOf('AUDIO', found.candidatesTokensDetails));
  const imageOutput = Math.min(reply - audioOutput, tokensOf('IMAGE', found.candidatesTokensDetails));
  return defined({
    input: prompt - cachedInput - audioInput - imageInput - videoInput + tools,
    output: reply - audioOutput - imageOutput,
    cachedInput: some(cachedInput),
    reasoning: some(thoughts),
    audioInput: some(audioInput),
    audioOutput: some(audioOutput),
    imageInput: some(imageInput),
    imageOutput: some(imageOutput),
    videoInput: some(videoInput),
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

type Modality = 'AUDIO' | 'IMAGE' | 'VIDEO';

function tokensOf(sort: Modality, details: unknown): number {
  if (!isArray(details)) return 0;
  const own = details.filter((each): each is JsonObject => isObject(each) && each.modality === sort);
  return own.reduce((sum, { tokenCount }) => sum + count(tokenCount), 0);
}
