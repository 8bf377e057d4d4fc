/** Ollama’s chat, and its generate operation. https://docs.ollama.com/api */
import type { VendorRequest } from '../../support/index.ts';
import { askedOfOpenAi } from '../openai-side.ts';
import { type Asked, emptyTurn, type Fields, fieldsOf, listOf, piecesOf, type Truth, type Turn } from '../truth.ts';
import {
  bodyOf,
  type Fault,
  type Limit,
  reasoningRows,
  retryAfter,
  rows,
  type Side,
  strangers,
  unmarked,
  unsealed,
  withoutCounts,
  withoutResultFlags,
} from './side.ts';

const isGenerate = ({ path }: VendorRequest) => path.endsWith('/api/generate');
let seconds = 1_750_000_000;
const head = (request: VendorRequest) => ({
  model: bodyOf(request).model,
  created_at: new Date(seconds++ * 1000).toISOString(),
});

const finish = ({ finish: reason, tokens }: Truth) => ({
  done: true,
  done_reason: reason === 'length' ? 'length' : 'stop',
  total_duration: 5_000_000,
  prompt_eval_count: tokens.prompt,
  eval_count: tokens.completion,
});

const said = (
  request: VendorRequest,
  fields: { readonly content?: string; readonly thinking?: string; readonly tool_calls?: object[] },
) => {
  if (!isGenerate(request)) return { message: { role: 'assistant', content: '', ...fields } };
  const { content = '', thinking } = fields;
  return { response: content, ...(thinking !== undefined && { thinking }) };
};

const callsOf = ({ calls = [] }: Truth) => calls.map(({ name, input }) => ({ function: { name, arguments: input } }));

function whole(truth: Truth, request: VendorRequest): Fields {
  const calls = callsOf(truth);
  const fields = {
    content: truth.text ?? '',
    ...(truth.reasoning !== undefined && { thinking: truth.reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return { ...head(request), ...said(request, fields), ...finish(truth) };
}

function* pieces(truth: Truth, request: VendorRequest): Generator<string> {
  const line = (fields: object) => `${JSON.stringify({ ...head(request), done: false, ...fields })}\n`;
  for (const thinking of piecesOf(truth.reasoning ?? '')) yield line(said(request, { thinking }));
  for (const content of piecesOf(truth.text ?? '')) yield line(said(request, { content }));
  for (const call of callsOf(truth)) yield line(said(request, { tool_calls: [call] }));
  yield line({ ...said(request, {}), ...finish(truth) });
}

const isAny = (format: unknown) => format === 'json';

/** A request in OpenAI's words; images are bare base64 of whatever they are. */
function asked(request: VendorRequest): Asked {
  const { options, format, messages, prompt, system, images, ...body } = bodyOf(request);
  const { num_predict: limit, ...sampling } = fieldsOf(options ?? {});
  const { turns, ...rest } = askedOfOpenAi({
    ...body,
    ...sampling,
    max_tokens: limit,
    messages: listOf(messages).map(openAiMessage),
    ...(format !== undefined && {
      response_format: isAny(format)
        ? { type: 'json_object' }
        : { type: 'json_schema', json_schema: { schema: format } },
    }),
  });
  if (!isGenerate(request)) return { ...rest, turns };
  const spoken = spokenIn(String(prompt));
  const shown = ((images ?? []) as string[]).map(picture);
  return {
    ...rest,
    system: String(system ?? '').replaceAll('\n\n', '|'),
    turns: spoken.map((turn, index) => (index === 0 ? { ...turn, images: shown } : turn)),
  };
}

const picture = (data: string) => `image/png,${data}`;

function openAiMessage({ images, thinking, tool_calls: calls, content, ...message }: Fields): Fields {
  const shown = ((images ?? []) as string[]).map((data) => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${data}` },
  }));
  return {
    ...message,
    content: shown.length > 0 ? [{ type: 'text', text: content }, ...shown] : content,
    reasoning_content: thinking,
    tool_calls: listOf(calls).map(({ id, function: called }) => {
      const { name, arguments: input } = fieldsOf(called);
      return { id, function: { name, arguments: JSON.stringify(input) } };
    }),
  };
}

/** A conversation in one prompt is told as a play is. */
function spokenIn(prompt: string): Turn[] {
  const parts = prompt.split(/### (User|Assistant):\n/);
  if (parts.length === 1) return [{ ...emptyTurn, role: 'user', text: prompt }];
  const turns: Turn[] = [];
  for (let at = 1; at + 1 < parts.length; at += 2) {
    const text = String(parts[at + 1]).replace(/\n\n$/, '');
    if (text !== '') turns.push({ ...emptyTurn, role: parts[at] === 'User' ? 'user' : 'assistant', text });
  }
  return turns;
}

const fault = (status: number, error: string): Fault => ({
  status,
  body: { error },
  ...(status === 429 && { headers: retryAfter }),
});

const notTold: Limit = {
  rows: reasoningRows,
  why: 'Ollama counts neither cached nor reasoning tokens.',
  told: withoutCounts('cached', 'reasoning'),
};

const limits: readonly Limit[] = [
  unmarked,
  unsealed,
  notTold,
  { rows: [rows.refusal], why: 'Ollama has no finish reason for a refusal.', isMissing: true },
  { rows: [rows.forced, rows.named], why: 'Ollama has no choice among tools.', refuses: 'tool_choice' },
  {
    rows: [rows.none],
    why: 'Ollama has no choice among tools: those that must not be called are not offered.',
    asked: (found) => ({ ...found, choice: 'auto', tools: [] }),
  },
  { rows: [rows.single], why: 'Ollama cannot be held to one call at a time.', refuses: 'parallel_tool_calls' },
  {
    rows: [rows.document, rows.audio],
    why: 'Ollama takes neither documents nor sound.',
    refuses: /^messages\[0\]\.content/,
  },
  {
    rows: [rows.failed],
    why: 'The vendor has no mark for a tool that failed: the words of the answer say so.',
    asked: withoutResultFlags,
  },
];

const common = 'model stream options format think keep_alive';

export const ollamaChat: Side = {
  title: 'Ollama (chat)',
  group: 'ollama-chat',
  model: 'ollama_chat/qwen3',
  params: (url) => ({ api_base: url }),
  contentType: 'application/x-ndjson',
  // Ollama streams unless told not to.
  isStream: (request) => bodyOf(request).stream !== false,
  whole,
  pieces,
  asked,
  complaints: (request) => [
    ...(isGenerate(request)
      ? strangers(bodyOf(request), `${common} prompt system images suffix raw`, 'body')
      : strangers(bodyOf(request), `${common} messages tools`, 'body')),
    ...listOf(bodyOf(request).messages).flatMap((message, index) =>
      strangers(message, 'role content thinking images tool_calls tool_name tool_call_id', `messages[${index}]`),
    ),
  ],
  faults: {
    key: fault(401, 'unauthorized'),
    permission: fault(403, 'this model requires a subscription'),
    model: fault(404, "model 'x' not found"),
    timeout: fault(408, 'timed out waiting for the model to load'),
    rate: fault(429, 'you have reached your hourly usage limit'),
    internal: fault(500, 'model runner has unexpectedly stopped'),
    overloaded: fault(503, 'server busy, please try again.  maximum pending requests exceeded'),
    context: fault(400, 'the input length exceeds the context length'),
  },
  broken: `${JSON.stringify({ error: 'an error was encountered while running the model' })}\n`,
  thoughts: 'text',
  ids: 'made',
  inlines: true,
  limits,
};

export const ollamaGenerate: Side = {
  ...ollamaChat,
  title: 'Ollama (generate)',
  group: 'ollama-generate',
  model: 'ollama/qwen3',
};
