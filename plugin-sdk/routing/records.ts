/** One record a deployment, made when first asked for; beyond the bound the oldest goes first. */
const most = 10_000;

export function recordOf<T>(records: Map<string, T>, id: string, make: () => T): T {
  const found = records.get(id);
  if (found !== undefined) return found;
  if (records.size >= most) records.delete(records.keys().next().value as string);
  const made = make();
  records.set(id, made);
  return made;
}
