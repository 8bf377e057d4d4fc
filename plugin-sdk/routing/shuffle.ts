/** In place (Fisher and Yates): every order is equally likely. */
export function shuffle<T>(entries: T[], random: () => number): T[] {
  for (let last = entries.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [entries[last], entries[other]] = [entries[other] as T, entries[last] as T];
  }
  return entries;
}
