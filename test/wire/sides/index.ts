/** Every vendor that conversations are run against, in the order of the table. */
import { anthropic, converse, foundryClaude, invoke, vertexClaude } from './claude.ts';
import { cohere } from './cohere.ts';
import { gemini, vertexGemini } from './google.ts';
import { ollamaChat, ollamaGenerate } from './ollama.ts';
import { azure, openAi } from './openai.ts';
import { deepSeek, groq, mistral, openRouter } from './openai-shaped.ts';
import type { Side } from './side.ts';

export const sides: readonly Side[] = [
  openAi,
  azure,
  anthropic,
  foundryClaude,
  converse,
  invoke,
  gemini,
  vertexGemini,
  vertexClaude,
  cohere,
  mistral,
  groq,
  deepSeek,
  openRouter,
  ollamaChat,
  ollamaGenerate,
];
