/** Runs one conversation against one vendor, and holds what is asked and told to the truth. */
import { expect } from 'vitest';
import { openAiClient } from '../support/index.ts';
import { withoutAnswerTool } from './answer-tool.ts';
import { type Bench, saying } from './bench-of-sides.ts';
import { type Chat, type Reply, replyStreamed, replyWhole, user } from './client.ts';
import { signature as geminiSignature } from './gemini-side.ts';
import type { Mode } from './judge.ts';
import { askedOfOpenAi } from './openai-side.ts';
import { pictures, pixel, type Scenario, type Step, turn } from './scenarios.ts';
import type { Limit, Side } from './sides/side.ts';
import {
  type Asked,
  type Called,
  type Fields,
  fieldsOf,
  isObject,
  type Told,
  type Truth,
  type Turn,
  thought,
  toldBy,
} from './truth.ts';

export const limitsOf = (side: Side, title: string): readonly Limit[] =>
  side.limits.filter(({ rows }) => rows.includes(title));

interface Case {
  readonly side: Side;
  readonly scenario: Scenario;
  readonly mode: Mode;
}

const replies = { whole: replyWhole, streamed: replyStreamed };

/** The way in which the model was held to a schema, where it was. */
export async function judge(bench: Bench, { side, scenario, mode }: Case): Promise<string | null> {
  const client = openAiClient(bench.gateway);
  const vendor = bench.vendors.get(side)!;
  const limits = limitsOf(side, scenario.title);
  const messages = [...withPictures(bench, scenario.chat).messages] as unknown[] as Fields[];
  const steps: readonly Step[] = [{ truth: scenario.truth }, ...(scenario.further ?? [])];
  const past: Turn[] = [...(scenario.asked?.turns ?? [firstTurn(scenario)])];
  let last: Reply | undefined;
  for (const step of steps) {
    const { truth } = step;
    if (last !== undefined) {
      messages.push(last.message, ...added(last, step));
      past.push(nextTurn(past, step));
    }
    vendor.use(saying(side, truth));
    const before = vendor.requests.length;
    last = await replies[mode](client, side.group, { ...scenario.chat, messages } as unknown as Chat);
    const told = limits.reduce((found, { told: change = same }) => change(found), toldBy(truth));
    const mended = limits.reduce((found, { told: change = same }) => change(found), last.told);
    expect(comparable(mended, side)).toEqual(comparable(told, side));
    expect(vendor.requests.length, 'requests at the vendor').toBe(before + 1);
    const asked = { ...askedOfOpenAi(scenario.chat), ...scenario.asked, turns: past };
    const expected = limits.reduce<Partial<Asked>>((found, { asked: change = same }) => change(found), asked);
    expectAsked(bench, side, { found: withoutAnswerTool(side.asked(vendor.requests.at(-1)!)), expected });
    past.push(
      turn('assistant', { text: truth.text ?? '', calls: truth.calls ?? [], thoughts: thoughtsOf(side, truth) }),
    );
  }
  return last?.headers.get('x-rutter-structured-output') ?? null;
}

const same = <T>(value: T): T => value;

/** Chats whose expectation says nothing of turns begin with the words of one user. */
const firstTurn = ({ chat }: Scenario): Turn => {
  const { content } = fieldsOf(chat.messages.at(-1));
  return turn('user', { text: String(content) });
};

const added = ({ told }: Reply, { answers = [], says }: Pick<Step, 'answers' | 'says'>): Fields[] => [
  ...answers.map(({ text, isError }, index) => ({
    role: 'tool',
    tool_call_id: told.calls[index]?.id,
    content: text,
    ...(isError && { is_error: true }),
  })),
  ...(says === undefined ? [] : [user(says)]),
];

function nextTurn(past: readonly Turn[], { answers = [], says = '' }: Pick<Step, 'answers' | 'says'>): Turn {
  const calls = past.at(-1)?.calls ?? [];
  return turn('user', {
    text: says,
    results: answers.map((answer, index) => ({ id: calls[index]?.id ?? '', ...answer })),
  });
}

function thoughtsOf({ thoughts }: Side, { reasoning, signature, sealed, calls = [] }: Truth): string[] {
  // Every call of Gemini's is signed, whether or not it tells what it thought.
  if (thoughts === 'signature') {
    const signed = signature ?? (calls.length > 0 ? geminiSignature : undefined);
    return signed === undefined ? [] : [thought('', signed)];
  }
  if (thoughts === 'none') return [];
  return [
    ...(reasoning === undefined ? [] : [thought(reasoning, thoughts === 'text' ? '' : signature)]),
    ...(sealed === undefined ? [] : [thought('sealed', sealed)]),
  ];
}

function withPictures({ pictures: { url } }: Bench, chat: Chat): Chat {
  return JSON.parse(JSON.stringify(chat).replaceAll(pictures, url)) as Chat;
}

/** Ids that are made on the way are told apart, and no more. */
function canonical(side: Side): (id: string) => string {
  const known = new Map<string, string>();
  return (id) => {
    if (side.ids === 'own') return id;
    const name = known.get(id) ?? `id-${known.size}`;
    known.set(id, name);
    return name;
  };
}

const withIds = (calls: readonly Called[], idOf: (id: string) => string): Called[] =>
  calls.map((call) => ({ ...call, id: idOf(call.id) }));

/** Calls of one reply are told apart also where the truth names none of them. */
const comparable = ({ calls, ...told }: Told, side: Side): Told => ({
  ...told,
  calls: calls.map((call, index) => (side.ids === 'made' ? { ...call, id: `id-${index}` } : call)),
});

interface Compared {
  readonly found: Asked;
  readonly expected: Partial<Asked>;
}

function expectAsked({ pictures: { url } }: Bench, side: Side, { found, expected }: Compared): void {
  const shown = (image: string) =>
    side.inlines && image.startsWith(pictures) ? `image/png,${pixel}` : image.replace(pictures, url);
  const normal = ({ limit, ...asked }: Partial<Asked>): Partial<Asked> => {
    const idOf = canonical(side);
    return {
      ...asked,
      turns: (asked.turns ?? []).map(({ calls, results, images, ...rest }) => ({
        ...rest,
        images: images.map(shown),
        calls: withIds(calls, idOf),
        results: results.map((result) => ({ ...result, id: idOf(result.id) })),
      })),
      tools: (asked.tools ?? []).map(({ schema, ...tool }) => ({ ...tool, schema: outline(schema) })),
      ...(asked.schema !== undefined && { schema: outline(asked.schema) }),
      // Some vendors want a limit also where the client set none.
      ...(expected.limit !== undefined && { limit }),
    };
  };
  expect(normal(found)).toEqual(normal(expected));
}

/** A schema without what codecs may tell in words, or leave out because the vendor knows it anyway. */
function outline(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(outline);
  if (!isObject(schema)) return schema;
  const { additionalProperties: _, description: _words, minimum: _least, ...rest } = schema;
  if (rest.type === 'object' && !isObject(rest.properties)) return { ...rest, properties: {} };
  return Object.fromEntries(Object.entries(rest).map(([name, inner]) => [name, outline(inner)]));
}

/** The parameter that the error of a refused request names; the vendor must not have been asked. */
export async function refusal(bench: Bench, { side, scenario, mode }: Case): Promise<string> {
  const vendor = bench.vendors.get(side)!;
  const before = vendor.requests.length;
  const chat = withPictures(bench, scenario.chat);
  const error = await replies[mode](openAiClient(bench.gateway), side.group, chat).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ status: 400, error: { rutter_code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER' } });
  expect(vendor.requests.length, 'requests at the vendor').toBe(before);
  return String(fieldsOf(error).param);
}
