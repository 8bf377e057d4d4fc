/** What one row of the table makes of calls, and which row a deployment belongs to. */
import type { ChatCodec, Deployment, EmbeddingsCodec, Fields } from '@rutter/plugin-sdk';
import {
  type Drops,
  isObject,
  isString,
  type JsonObject,
  lacking,
  type OpenAiCodecOptions,
  openAiChatCodec,
  openAiCompletionsCodec,
  openAiEmbeddingsCodec,
} from '@rutter/plugin-sdk/codecs';
import { type Vendor, vendors } from './vendors.ts';

interface Codecs {
  readonly chat: ChatCodec;
  readonly completions: ChatCodec;
  readonly embeddings: EmbeddingsCodec;
}

function optionsOf(vendor: Vendor): OpenAiCodecOptions {
  const { name, lacks, limitName, historyReasoning, hasOpenAiModels, modelName } = vendor;
  return {
    ...(lacks && { limits: { vendor: name, lacks } }),
    ...(limitName && { limitName }),
    ...(historyReasoning ? { historyReasoning } : { refusesReasoning: () => true }),
    ...(!hasOpenAiModels && { openAiName: () => undefined }),
    ...(modelName && { model: ({ model }: Deployment) => modelName(model) }),
    change: (fields, deployment, drops) => changed(vendor, fields, deployment, drops),
  };
}

function changed(vendor: Vendor, fields: Fields, deployment: Deployment, drops: Drops): JsonObject {
  const { name, lacksOf } = vendor;
  const set = toolChoice(vendor, fields, drops);
  if (lacksOf?.models.test(deployment.model)) {
    const limits = { vendor: `${name} (${lacksOf.what})`, lacks: lacksOf.lacks };
    for (const param of lacking(fields, limits, { deployment, drops })) set[param] = undefined;
  }
  return set;
}

function toolChoice({ name, requiredChoice, lacksNamedChoice }: Vendor, fields: Fields, drops: Drops): JsonObject {
  const { tool_choice: choice } = fields;
  if (choice === 'required' && isString(requiredChoice)) return { tool_choice: requiredChoice };
  const isLacking = (choice === 'required' && requiredChoice === null) || (isObject(choice) && lacksNamedChoice);
  if (!isLacking) return {};
  const what = isObject(choice) ? 'that names a tool' : '"required"';
  drops.drop('tool_choice', `${name} takes no tool_choice ${what}.`);
  return { tool_choice: undefined };
}

function codecsOf(vendor: Vendor): Codecs {
  const options = optionsOf(vendor);
  return {
    chat: openAiChatCodec(options),
    completions: openAiCompletionsCodec(options),
    embeddings: openAiEmbeddingsCodec(options),
  };
}

/** Codecs that do as the row of each deployment says. */
export function codecsByPrefix(): Codecs {
  const rows = new Map(
    vendors.flatMap((vendor) => {
      const codecs = codecsOf(vendor);
      return vendor.prefixes.map((prefix) => [prefix, codecs] as const);
    }),
  );
  const plain = codecsOf(vendors[0] as Vendor);
  const of = ({ provider }: Deployment) => rows.get(provider) ?? plain;
  const chatLike = (operation: 'chat' | 'completions'): ChatCodec => ({
    // Replies have one shape, whoever sends them.
    ...plain[operation],
    request: (input) => of(input.deployment)[operation].request(input),
    pass: (input) => of(input.deployment)[operation].pass!(input),
  });
  return {
    chat: chatLike('chat'),
    completions: chatLike('completions'),
    embeddings: {
      ...plain.embeddings,
      request: (input) => of(input.deployment).embeddings.request(input),
      pass: (input) => of(input.deployment).embeddings.pass!(input),
    },
  };
}
