/** Lengths of budget windows, as LiteLLM writes them: `30s`, `30m`, `30h`, `30d`, `2w`, `1mo`, or seconds. */

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const written = /^(\d+)(mo|[smhdw])$/;

/** A length that is not 0. */
export const windowPattern = /^0*[1-9]\d*(mo|[smhdw])$/;

/** Milliseconds of a window that opens now; months end on the same day, or on the last of a shorter month. */
export function windowMs(text: string, nowMs: number): number {
  const [, count = '', unit = ''] = written.exec(text) ?? [];
  const length = unitMs[unit];
  if (length !== undefined) return Number(count) * length;
  const opened = new Date(nowMs);
  const day = opened.getUTCDate();
  const ends = new Date(nowMs);
  ends.setUTCDate(1);
  ends.setUTCMonth(ends.getUTCMonth() + Number(count));
  const lastDay = new Date(Date.UTC(ends.getUTCFullYear(), ends.getUTCMonth() + 1, 0)).getUTCDate();
  ends.setUTCDate(Math.min(day, lastDay));
  return ends.getTime() - nowMs;
}
