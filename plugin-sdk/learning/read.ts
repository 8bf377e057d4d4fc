/** Outcomes from lines of JSON, one a question and model. */
import { createHash } from 'node:crypto';
import { RutterError } from '../contract/errors.ts';
import { type OutcomeRow, type Outcomes, OutcomeTable } from './outcomes.ts';

/** LLMRouter's names beside our own. */
interface LooseRow {
  readonly query_id?: unknown;
  readonly embedding_id?: unknown;
  readonly query?: unknown;
  readonly task?: unknown;
  readonly task_name?: unknown;
  readonly model?: unknown;
  readonly model_name?: unknown;
  readonly performance?: unknown;
  readonly cost?: unknown;
  readonly input_tokens?: unknown;
  readonly prompt_tokens?: unknown;
  readonly output_tokens?: unknown;
  readonly completion_tokens?: unknown;
}

const number = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

/** One row of fields as they came; ours or LLMRouter's names. Throws ERR_CONFIG_INVALID with `where`. */
export function readOutcomeRow(fields: Readonly<Record<string, unknown>>, where: string): OutcomeRow {
  const loose: LooseRow = fields;
  const model = loose.model ?? loose.model_name;
  const refuse = (field: string, found: unknown, expected: string) =>
    new RutterError(
      'ERR_CONFIG_INVALID',
      `${where}: ${field} is ${JSON.stringify(found) ?? 'missing'}; expected ${expected}.`,
    );
  if (typeof model !== 'string' || model === '') throw refuse('model', model, 'the name of a model');
  if (typeof loose.query !== 'string') throw refuse('query', loose.query, 'the text of the question');
  const performance = number(loose.performance);
  if (performance === undefined || performance < 0 || performance > 1)
    throw refuse('performance', loose.performance, 'a number from 0 to 1');
  const id = loose.query_id ?? loose.query;
  const cost = number(loose.cost);
  const inputs = number(loose.input_tokens ?? loose.prompt_tokens);
  const outputs = number(loose.output_tokens ?? loose.completion_tokens);
  return {
    query_id: String(id),
    query: loose.query,
    task: String(loose.task ?? loose.task_name ?? ''),
    model,
    performance,
    ...(cost === undefined ? {} : { cost }),
    ...(inputs === undefined ? {} : { input_tokens: inputs }),
    ...(outputs === undefined ? {} : { output_tokens: outputs }),
  };
}

/** Lines of JSON with where they stand. Throws ERR_CONFIG_INVALID with the line that is none. */
export function* readJsonLines(
  text: string,
  name: string,
): Generator<{ readonly fields: Readonly<Record<string, unknown>>; readonly where: string }> {
  let line = 0;
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const own = text.slice(at, end < 0 ? text.length : end);
    at = end < 0 ? text.length : end + 1;
    line++;
    if (own.trim() === '') continue;
    const where = `${name}, line ${line}`;
    yield { fields: parsedLine(own, where), where };
  }
}

function parsedLine(line: string, where: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    throw new RutterError('ERR_CONFIG_INVALID', `${where}: found what is not JSON; expected one outcome a line.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new RutterError('ERR_CONFIG_INVALID', `${where}: found ${JSON.stringify(parsed)}; expected an object.`);
  return parsed as Readonly<Record<string, unknown>>;
}

/** Our JSONL, or LLMRouter's `routing_data`. Throws ERR_CONFIG_INVALID with the line where one cannot be read. */
export function readOutcomes(text: string, name: string): { readonly outcomes: Outcomes; readonly sha256: string } {
  const table = new OutcomeTable();
  let count = 0;
  for (const { fields, where } of readJsonLines(text, name)) {
    table.add(readOutcomeRow(fields, where));
    count++;
  }
  if (count === 0) throw new RutterError('ERR_CONFIG_INVALID', `${name} holds no outcomes; expected one a line.`);
  return { outcomes: table.finish(), sha256: createHash('sha256').update(text).digest('hex') };
}
