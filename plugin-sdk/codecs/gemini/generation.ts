/** `generationConfig`: sampling, limits, formats of the reply, reasoning. */
import type { ChatRequest } from '../../contract/chat.ts';
import type { Drops } from '../drops.ts';
import { defined, isArray, isFilled, isObject, type JsonObject } from '../values.ts';
import { isEarlyGemma, modelVersion } from './names.ts';
import { geminiSchema } from './schema.ts';
import { writeThinking } from './thinking.ts';

const whole = new Set(['generationConfig', 'generation_config']);
const inside = [
  'responseModalities',
  'response_modalities',
  'responseMimeType',
  'response_mime_type',
  'responseSchema',
  'response_schema',
  'responseJsonSchema',
  'response_json_schema',
  'responseLogprobs',
  'response_logprobs',
  'candidateCount',
  'candidate_count',
  'maxOutputTokens',
  'max_output_tokens',
  'stopSequences',
  'stop_sequences',
  'topP',
  'topK',
  'thinkingConfig',
  'thinking_config',
  'speechConfig',
  'speech_config',
  'imageConfig',
  'image_config',
  'mediaResolution',
  'media_resolution',
  'audioTimestamp',
  'audio_timestamp',
  'routingConfig',
  'routing_config',
  'enableEnhancedCivicAnswers',
  'enableAffectiveDialog',
];

/** Fields of the caller's that belong into the generation config. */
export const generationFields: ReadonlySet<string> = new Set([...whole, ...inside]);

export function writeGeneration(request: ChatRequest, model: string, drops: Drops): JsonObject {
  const { extra } = request;
  const native: JsonObject = {};
  for (const name of whole) if (isObject(extra[name])) Object.assign(native, extra[name]);
  for (const name of inside) if (extra[name] !== undefined && extra[name] !== null) native[name] = extra[name];
  const hasThinking = native.thinkingConfig !== undefined || native.thinking_config !== undefined;
  return defined({
    ...native,
    maxOutputTokens: request.maxOutputTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    stopSequences: request.stop !== undefined && request.stop.length > 0 ? request.stop : undefined,
    seed: request.seed,
    presencePenalty: request.presencePenalty,
    frequencyPenalty: request.frequencyPenalty,
    candidateCount: request.count,
    ...writeLogprobs(request),
    ...writeFormat(request, model, drops),
    ...writeModalities(request, drops),
    ...(!hasThinking && { thinkingConfig: writeThinking(request, model, drops) }),
  });
}

function writeLogprobs({ logprobs, topLogprobs = 0 }: ChatRequest): JsonObject {
  if (logprobs !== true && topLogprobs === 0) return {};
  return { responseLogprobs: true, ...(topLogprobs > 0 && { logprobs: topLogprobs }) };
}

function writeFormat({ responseFormat }: ChatRequest, model: string, { dropped }: Drops): JsonObject {
  if (responseFormat === undefined || responseFormat.type === 'text') return {};
  if (isEarlyGemma(model)) {
    // They have no JSON mode; what the kernel tells them in words has to do.
    dropped.push('response_format');
    return {};
  }
  const mime = { response_mime_type: 'application/json' };
  if (responseFormat.type === 'json' || !isObject(responseFormat.schema)) return mime;
  if ((modelVersion(model) ?? 200) < 200) return { ...mime, response_schema: geminiSchema(responseFormat.schema) };
  const { $schema: _, ...schema } = responseFormat.schema;
  return { ...mime, response_json_schema: schema };
}

/** Before Gemini 3 a model with functions gives no JSON but in a call, and the first Gemma models only what they are told to. */
export function structuredBy(model: string, { tools = [] }: ChatRequest): 'native' | 'tool' | 'json' {
  if (isEarlyGemma(model)) return 'json';
  const version = modelVersion(model);
  return version !== undefined && version < 300 && tools.some((tool) => !('origin' in tool)) ? 'tool' : 'native';
}

/** OpenAI's `modalities` and `audio`; https://ai.google.dev/gemini-api/docs/speech-generation */
function writeModalities({ extra }: ChatRequest, drops: Drops): JsonObject {
  const { modalities, audio } = extra;
  const names = isArray(modalities) ? modalities.filter(isFilled).map((name) => name.toUpperCase()) : [];
  const silent = names.length > 0 ? { responseModalities: names } : {};
  if (!isObject(audio)) return silent;
  if (audio.format !== undefined && audio.format !== 'pcm16') {
    drops.drop('audio', `Gemini speaks pcm16; found the format ${JSON.stringify(audio.format)}.`);
    return silent;
  }
  const voice = isFilled(audio.voice) ? { prebuiltVoiceConfig: { voiceName: audio.voice } } : undefined;
  return defined({
    responseModalities: names.length > 0 ? names : ['AUDIO'],
    speechConfig: voice === undefined ? undefined : { voiceConfig: voice },
  });
}
