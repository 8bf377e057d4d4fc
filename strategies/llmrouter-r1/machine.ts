/**
 * The turns of one request: a model thinks, asks others in between, and
 * answers. Two states, thinking and asking; every way leads to an answer, to
 * the last call, or out to plain routing, within the bounds of the rounds.
 */
import type { Message } from '@rutter/plugin-sdk';
import {
  type Asked,
  describePool,
  information,
  modelNamed,
  type PoolModel,
  type Rounds,
  turnsPrompt,
} from '@rutter/plugin-sdk/rounds';
import { readTurn } from './turn.ts';

export interface Rules {
  readonly pool: readonly PoolModel[];
  readonly policy: Asked;
  readonly question: string;
  readonly maxTurns: number;
  readonly policyTokens: number;
  readonly searchTokens: number;
  /** Of one search that the policy is shown. */
  readonly mostInformation: number;
  /** One prompt that grows, at temperature 1, as the original was trained; chat turns otherwise. */
  readonly isFaithful: boolean;
}

export type Ended =
  | { readonly kind: 'answer'; readonly answer: string; readonly told: string }
  /** The turns are used up: one call more is to answer from this conversation. */
  | { readonly kind: 'unanswered'; readonly messages: readonly Message[]; readonly told: string }
  | { readonly kind: 'failed'; readonly told: string };

/** What has been said after the first prompt, turn by turn. */
interface Exchange {
  readonly said: string;
  readonly back: string;
}

/** Turns against the rules that are put up with; the next one ends the thinking. */
const mostMalformed = 1;

export async function think(rounds: Rounds, rules: Rules): Promise<Ended> {
  const exchanges: Exchange[] = [];
  const asked = new Map<string, number>();
  let malformed = 0;
  let turns = 0;
  // The last turn is the last call, which may not search.
  while (turns < rules.maxTurns - 1 && rounds.left > 0) {
    turns++;
    const told = await rounds.ask(rules.policy, {
      messages: conversation(rules, exchanges),
      maxOutputTokens: rules.policyTokens,
      stop: rules.isFaithful ? ['</search>', '</answer>'] : ['<information>', '</answer>'],
      ...(rules.isFaithful ? { temperature: 1 } : {}),
    });
    if (told.reply === undefined) {
      if (rounds.spent === told.reason) break;
      return { kind: 'failed', told: `its policy failed (${told.reason}) in turn ${turns}` };
    }
    const turn = readTurn(told.reply.text);
    if (turn.kind === 'answer') return { kind: 'answer', answer: turn.answer, told: report(turns, asked) };
    if (turn.kind === 'malformed') {
      if (++malformed > mostMalformed) break;
      exchanges.push({ said: told.reply.text, back: `Found ${turn.why}. Reply with <search> or with <answer>.` });
      continue;
    }
    const back = await Promise.all(turn.searches.map((search) => searched(rounds, rules, { search, asked })));
    exchanges.push({ said: turn.said, back: back.join('\n') });
  }
  const why =
    rounds.spent ?? (malformed > mostMalformed ? 'turns against the rules' : `the ${rules.maxTurns} turns allowed`);
  return {
    kind: 'unanswered',
    messages: [...conversation(rules, exchanges), { role: 'user', content: lastWords }],
    told: `${report(turns + 1, asked)}, ended by ${why}`,
  };
}

const lastWords =
  'There are no more turns. Answer the question now with what is known, in plain text: no tags, no searches, no thoughts.';

const report = (turns: number, asked: ReadonlyMap<string, number>): string => {
  const names = [...asked].map(([name, count]) => `${name} ${count}`);
  return `${turns} ${turns === 1 ? 'turn' : 'turns'}, asked ${names.length === 0 ? 'nobody' : names.join(', ')}`;
};

function conversation(rules: Rules, exchanges: readonly Exchange[]): readonly Message[] {
  const first = turnsPrompt(describePool(rules.pool), rules.question, rules.maxTurns);
  if (rules.isFaithful)
    return [
      { role: 'user', content: [first, ...exchanges.map(({ said, back }) => `${closed(said)}\n${back}`)].join('\n') },
    ];
  const turns = exchanges.flatMap(({ said, back }): Message[] => [
    { role: 'assistant', content: said },
    { role: 'user', content: back },
  ]);
  return [{ role: 'user', content: first }, ...turns];
}

/** A stop sequence takes the closing tag away with it. */
const closed = (said: string) =>
  /<\s*search\s*>(?![\s\S]*<\s*\/\s*search\s*>)/i.test(said) ? `${said} </search>` : said;

interface Search {
  readonly search: string;
  readonly asked: Map<string, number>;
}

async function searched(rounds: Rounds, rules: Rules, { search, asked }: Search): Promise<string> {
  const found = addressee(rules.pool, search);
  if (typeof found === 'string') return information(found);
  const { model, query } = found;
  asked.set(model.name, (asked.get(model.name) ?? 0) + 1);
  const told = await rounds.ask(model, {
    messages: [
      {
        role: 'system',
        content:
          'Answer the question, or tell what helps to answer it, in a few sentences. If you do not know, say so.',
      },
      { role: 'user', content: query },
    ],
    maxOutputTokens: rules.searchTokens,
  });
  const text = told.reply?.text.trim() ?? '';
  return information(text === '' ? `${model.name} did not answer.` : text.slice(0, rules.mostInformation));
}

/** Whom a search goes to: `name: question`, the longest name that fits, since names may have colons too. A text tells what was wrong. */
export function addressee(
  pool: readonly PoolModel[],
  search: string,
): { readonly model: PoolModel; readonly query: string } | string {
  const colons = [...search.matchAll(/[:：]/g)].map(({ index }) => index).toReversed();
  const names = pool.map(({ name }) => name).join(', ');
  for (const colon of colons) {
    const model = modelNamed(pool, search.slice(0, colon));
    const query = search.slice(colon + 1).trim();
    if (model !== undefined && query !== '') return { model, query };
    if (model !== undefined) return `There was no question for ${model.name}.`;
  }
  return `Expected the name of a model, a colon and a question. The models are ${names}.`;
}
