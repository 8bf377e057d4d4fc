/**
 * Runs the model's calls of this gateway's own tools and asks again, until a
 * turn calls none: only that turn reaches the client.
 *
 * A turn that calls own and foreign tools together ends the loop: the client
 * gets the foreign calls, and the own ones are not run, since the model could
 * not be answered without the client. A tool of the client's hides an own one
 * of the same name.
 */
import {
  type CallResult,
  type ChatEvent,
  type ChatReply,
  type ChatRequest,
  definePlugin,
  type Message,
  type ToolCall,
  z,
} from '@rutter/plugin-sdk';
import { replyEvents } from '@rutter/plugin-sdk/codecs';
import { answer, type OwnTool, ownTools } from './tools.ts';
import { Turn } from './turn.ts';

const config = z.strictObject({
  notesUrl: z.url().optional().describe('Where the tool read_note finds its notes; there is no such tool without it.'),
  holdBack: z
    .int()
    .min(0)
    .default(240)
    .describe('Characters of a streamed turn held back while it may still call a tool.'),
  maxCalls: z.int().min(1).default(8).describe('Most calls of the model for one request.'),
  maxTokens: z.int().min(1).default(200_000).describe('Tokens after which no further call begins.'),
  timeMs: z.int().min(1).default(120_000).describe('Longest time of the whole loop, in milliseconds.'),
});

const mostCallsATurn = 16;

type Next = (change?: Partial<ChatRequest>) => Promise<CallResult>;

interface Loop {
  readonly next: Next;
  readonly tools: readonly OwnTool[];
  readonly ownNames: ReadonlySet<string>;
  readonly signal: AbortSignal;
  readonly asked: ChatRequest;
}

export default definePlugin({
  kind: 'extension',
  config,
  setup(host, { notesUrl, holdBack, maxCalls, maxTokens, timeMs }) {
    const all = ownTools(host, notesUrl);
    return {
      limits: { calls: maxCalls, tokens: maxTokens, timeMs },
      async wrap(call, next, { signal }) {
        if (call.operation !== 'chat') return next();
        const asked = call.chat();
        const theirs = new Set((asked.tools ?? []).flatMap((tool) => ('name' in tool ? [tool.name] : [])));
        const tools = all.filter(({ name }) => !theirs.has(name));
        // Several choices would be several conversations from the first tool on.
        if (asked.toolChoice === 'none' || (asked.count ?? 1) > 1 || tools.length === 0) return next();
        const loop: Loop = { next, tools, ownNames: new Set(tools.map(({ name }) => name)), signal, asked };
        return call.stream ? streamed(loop, holdBack) : whole(loop);
      },
    };
  },
});

async function whole(loop: Loop): Promise<CallResult> {
  let change = first(loop);
  for (;;) {
    const result = await loop.next(change);
    const reply = await result.reply();
    const calls = reply.toolCalls ?? [];
    const foreign = calls.filter(({ name }) => !loop.ownNames.has(name));
    if (calls.length > 0 && foreign.length === 0) change = await further(loop, change, { reply, calls });
    else return resultOf(foreign.length === calls.length ? reply : { ...reply, toolCalls: foreign }, result);
  }
}

async function* streamed(loop: Loop, holdBack: number): AsyncGenerator<ChatEvent> {
  let change = first(loop);
  for (;;) {
    const turn = new Turn({ ownNames: loop.ownNames, holdBack });
    for await (const event of (await loop.next(change)).events()) yield* turn.push(event);
    const { inner } = turn;
    if (inner === undefined) return yield* turn.end();
    change = await further(loop, change, inner);
  }
}

type Change = Pick<ChatRequest, 'tools' | 'messages'> & Partial<ChatRequest>;

const first = ({ asked, tools }: Loop): Change => ({
  messages: asked.messages,
  tools: [...(asked.tools ?? []), ...tools.map(({ run: _, ...tool }) => tool)],
});

/** The next question: all before it, the model's calls, and what they gave. */
async function further(
  { tools, ownNames, signal, asked }: Loop,
  change: Change,
  { reply, calls }: { readonly reply: ChatReply; readonly calls: readonly ToolCall[] },
): Promise<Change> {
  const { toolChoice } = asked;
  const turn: Message = {
    role: 'assistant',
    content: reply.text,
    toolCalls: calls,
    ...(reply.reasoning ? { reasoning: reply.reasoning } : {}),
  };
  const answers = await Promise.all(
    calls.map((call, index) =>
      index < mostCallsATurn
        ? answer(call, tools, signal)
        : ({ role: 'tool', toolCallId: call.id, content: 'Too many calls at once.', isError: true } as const),
    ),
  );
  // Kept as it was, a choice that has been obeyed would force the same call for ever.
  const isObeyed = toolChoice === 'required' || (typeof toolChoice === 'object' && ownNames.has(toolChoice.name));
  return { ...change, messages: [...change.messages, turn, ...answers], ...(isObeyed ? { toolChoice: 'auto' } : {}) };
}

function resultOf(reply: ChatReply, { deployment }: CallResult): CallResult {
  async function* events() {
    yield* replyEvents(reply);
  }
  return { deployment, reply: async () => reply, events };
}
