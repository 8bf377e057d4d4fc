/**
 * Stopping on SIGTERM and SIGINT, whoever sends them and however often: a
 * terminal signals the whole process group, and launchers pass on what they
 * get as well.
 */

export interface Stopping {
  readonly isAsked: boolean;
}

/** Runs `stop` once and ends the process with its code. */
export function stopWhenAsked(stop: () => Promise<number>): Stopping {
  const stopping = { isAsked: false };
  const asked = () => {
    if (stopping.isAsked) return;
    stopping.isAsked = true;
    stop().then(
      (code) => process.exit(code),
      (error: unknown) => {
        process.stderr.write(`The gateway did not stop as it should: ${(error as Error).stack ?? String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', asked).on('SIGINT', asked);
  return stopping;
}
