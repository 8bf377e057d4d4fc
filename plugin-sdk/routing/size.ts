/** How large a deployment's model is, by one of several measures; undefined where that is not known. */
import type { Deployment } from '../contract/request.ts';

export type SizeMeasure = 'size' | 'price' | 'context' | 'quality';

const billions: Readonly<Record<string, number>> = { K: 1e-6, M: 1e-3, B: 1, T: 1e3 };
/** `70b`, `1.5B`, `8x7b`, and not the `4` of `gpt-4`. */
const inName = /(?:^|[^a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bmt])(?![a-z0-9])/gi;
const alone = /^(?:(\d+)x)?(\d+(?:\.\d+)?)([kmbt])?$/i;

const inBillions = ([, times = '1', amount, unit = 'B']: RegExpMatchArray) =>
  Number(times) * Number(amount) * (billions[unit.toUpperCase()] as number);

/** Billions of parameters: `model_info.size` (`"7B"`, or a number of billions), else what the model's name says. */
function parametersOf({ info, model }: Deployment): number | undefined {
  if (typeof info.size === 'number') return info.size;
  if (typeof info.size === 'string') {
    const told = alone.exec(info.size.trim());
    return told ? inBillions(told) : undefined;
  }
  const named = [...model.matchAll(inName)];
  return named.length > 0 ? Math.max(...named.map(inBillions)) : undefined;
}

const known = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

export function sizeOf(deployment: Deployment, by: SizeMeasure): number | undefined {
  const { info, prices } = deployment;
  if (by === 'size') return parametersOf(deployment);
  if (by === 'context') return known(info.max_input_tokens);
  if (by === 'quality') return known(info.quality);
  if (prices?.input === undefined || prices.output === undefined) return undefined;
  return Number(prices.input) + Number(prices.output);
}
