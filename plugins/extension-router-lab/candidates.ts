/** LLMRouter's candidates: which models there are, and what a million of their tokens cost. */
import { RutterError, z } from '@rutter/plugin-sdk';
import { readText } from './text-file.ts';

const price = z.number().min(0).optional();
const file = z.record(z.string(), z.object({ input_price: price, output_price: price }));
export type Candidates = ReadonlyMap<
  string,
  { readonly input_price?: number | undefined; readonly output_price?: number | undefined }
>;

/** `NAME → {input_price, output_price, …}`, USD for a million tokens. Throws ERR_CONFIG_INVALID. */
export async function readCandidates(path: string): Promise<Candidates> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readText(path));
  } catch (error) {
    if (RutterError.is(error)) throw error;
    throw new RutterError('ERR_CONFIG_INVALID', `${path} is not JSON; expected candidates by name.`);
  }
  const read = file.safeParse(parsed);
  if (read.success) return new Map(Object.entries(read.data));
  throw new RutterError('ERR_CONFIG_INVALID', `${path}: ${z.prettifyError(read.error).replaceAll('\n', ' ')}`);
}

const million = 1_000_000;

/** Undefined for a model that is no candidate; else the fields with the cost that tokens and prices tell, if none is told. */
export function asCandidate(
  fields: Readonly<Record<string, unknown>>,
  candidates: Candidates,
): Readonly<Record<string, unknown>> | undefined {
  const found = candidates.get(String(fields.model ?? fields.model_name));
  if (!found) return undefined;
  const { input_price: input, output_price: output } = found;
  if (fields.cost !== undefined || output === undefined) return fields;
  const tokens = (...names: readonly string[]) =>
    names.map((name) => fields[name]).find((value) => typeof value === 'number') as number | undefined;
  const [read, written] = [tokens('input_tokens', 'prompt_tokens'), tokens('output_tokens', 'completion_tokens')];
  if (read !== undefined && written !== undefined && input !== undefined)
    return { ...fields, cost: (read * input + written * output) / million };
  // Older files tell only the sum.
  const all = tokens('token_num');
  return all === undefined ? fields : { ...fields, cost: (all * output) / million };
}
