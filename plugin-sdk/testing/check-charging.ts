/** What limits of single deployments must hold to, of guards and strategies alike. */
import type { Charging, Kind } from '../contract/kinds.ts';
import type { Candidate } from '../contract/request.ts';
import type { Reservation, ReserveResult } from '../contract/services.ts';
import { requestContext } from './fixtures.ts';
import { expect, type Suite, show } from './report.ts';
import { extremeCandidates, generatedCandidates } from './scenarios.ts';

type ChargingKind = Extract<Kind, 'guard' | 'strategy'>;

export async function checkCharging<K extends ChargingKind>(suite: Suite<K>): Promise<void> {
  const start = async () => (await suite.start()).instance as Charging;
  if ((await start()).charge === undefined) return;
  const candidates = () => [...generatedCandidates(5), ...extremeCandidates().flat()];
  const charge = (instance: Charging, one: Candidate): readonly Reservation[] => {
    const asked = instance.charge?.(requestContext(), one);
    expect(Array.isArray(asked), () => `charge returned ${show(asked)}; expected an array, at once`);
    return asked as readonly Reservation[];
  };

  await suite.check('charges candidates with reservations that can be made', async () => {
    const instance = await start();
    for (const one of candidates()) for (const each of charge(instance, one)) expectReservation(each);
  });
  await suite.check('takes every answer to a charge', async () => {
    const instance = await start();
    for (const one of candidates())
      for (const [index, answer] of answers.entries()) {
        const asked = charge(instance, one);
        const result = answer(asked);
        instance.charged?.(one, asked, result);
        if (result?.granted) instance.discharged?.(one, asked, index === 0 ? asked.map(() => 0) : asked.map(half));
        for (const each of charge(instance, one)) expectReservation(each);
      }
  });
}

const half = ({ amount }: Reservation): number => Math.floor(amount / 2);

const answers: readonly ((asked: readonly Reservation[]) => ReserveResult | undefined)[] = [
  (asked) => ({ granted: true, id: 'r1', remaining: asked.map(({ limit, amount }) => limit - amount) }),
  (asked) => ({ granted: true, id: 'r2', remaining: asked.map(() => 0) }),
  ([first]) => ({ granted: false, index: 0, current: first?.limit ?? 0, retryAfterMs: 1000 }),
  () => undefined,
];

export function expectReservation(each: Reservation): void {
  const { key, amount, limit, windowMs, measure } = each;
  const holds =
    typeof key === 'string' &&
    key !== '' &&
    Number.isFinite(amount) &&
    amount >= 0 &&
    limit >= 0 &&
    Number.isFinite(windowMs) &&
    windowMs > 0 &&
    ['requests', 'tokens', 'nano-usd', 'parallel'].includes(measure);
  expect(
    holds,
    () => `it asked for ${show(each)}; expected a key, an amount and a limit from 0 up, a window above 0 and a measure`,
  );
}
