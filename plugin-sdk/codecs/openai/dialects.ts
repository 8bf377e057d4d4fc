/** The client-facing dialects of OpenAI: chat, text completions, embeddings. */
import type { Dialect, DialectInput, Fields } from '../../contract/wire.ts';
import { isArray, isObject, isString } from '../values.ts';
import { readChat } from './chat-read.ts';
import { checkChat, checkCompletion, checkEmbeddings, readModel } from './check.ts';
import { promptTexts, readCompletion } from './completions.ts';
import { readControls } from './controls.ts';
import { inputsOf, readEmbeddings, writeEmbeddings } from './embeddings.ts';
import { writeFailure, writeStreamFailure } from './envelope.ts';
import { writeHeaders } from './headers.ts';
import { chatDialect, completionsDialect, embeddingsDialect } from './names.ts';
import { writeCompletion, writeReply } from './reply-write.ts';
import { ChatWriter, CompletionWriter } from './stream-write.ts';

const common = { failure: writeFailure, streamFailure: writeStreamFailure, headers: writeHeaders };

function readWith(input: DialectInput, check: (fields: Fields) => void) {
  const { fields, params } = input;
  const model = readModel(fields, params);
  check(fields);
  const { stream_options: options, response_format: format } = fields;
  return {
    model,
    stream: fields.stream === true,
    includeUsage: isObject(options) && options.include_usage === true,
    ...(isObject(format) && format.type !== 'text' && { asksForJson: true }),
    ...readControls(input),
  };
}

/** The words of all messages, parts and roles aside. */
function chatWords({ messages }: Fields): string {
  const words: string[] = [];
  for (const message of isArray(messages) ? messages : []) {
    const content = isObject(message) ? message.content : undefined;
    if (isString(content)) words.push(content);
    else if (isArray(content))
      for (const part of content) if (isObject(part) && isString(part.text)) words.push(part.text);
  }
  return words.filter((word) => word !== '').join('\n');
}

export const openAiChatDialect: Dialect = {
  ...common,
  name: chatDialect,
  operation: 'chat',
  read: (input) => readWith(input, checkChat),
  chat: readChat,
  text: chatWords,
  reply: writeReply,
  writer: (context) => new ChatWriter(context),
};

export const openAiCompletionsDialect: Dialect = {
  ...common,
  name: completionsDialect,
  operation: 'completions',
  read: (input) => readWith(input, checkCompletion),
  chat: readCompletion,
  text: ({ prompt }) => promptTexts(prompt).join('\n'),
  reply: writeCompletion,
  writer: (context) => new CompletionWriter(context),
};

export const openAiEmbeddingsDialect: Dialect = {
  ...common,
  name: embeddingsDialect,
  operation: 'embeddings',
  read: (input) => readWith(input, checkEmbeddings),
  embeddings: readEmbeddings,
  text: ({ input }) => inputsOf(input).filter(isString).join('\n'),
  embeddingsReply: writeEmbeddings,
};
