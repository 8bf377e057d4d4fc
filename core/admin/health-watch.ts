/**
 * Background health checks: calls every deployment in rounds, one round after
 * another, and keeps what the last one found. Outlives generations; each new
 * one begins a round of its own.
 */
import type { RequestPath } from '../pipeline/path.ts';
import { type CheckedDeployment, checkDeployments } from './health.ts';

export class HealthWatch {
  #failed: ReadonlySet<string> = new Set();
  #last: Promise<readonly CheckedDeployment[]> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: AbortController | undefined;

  /** Whether the last finished round found that the deployment, by id, fails. */
  hasFailed(id: string): boolean {
    return this.#failed.has(id);
  }

  /** What the last finished round found, or the first will; undefined without background checks. */
  get last(): Promise<readonly CheckedDeployment[]> | undefined {
    return this.#last;
  }

  /** From now on checks the deployments of this path, or none. */
  watch(path: RequestPath): void {
    this.stop();
    const { healthIntervalMs } = path.configuration.kernel;
    if (healthIntervalMs === undefined) {
      this.#failed = new Set();
      this.#last = undefined;
      return;
    }
    const running = new AbortController();
    this.#running = running;
    const round = async (): Promise<readonly CheckedDeployment[]> => {
      const checked = await checkDeployments(path, { only: undefined, signal: running.signal });
      if (running.signal.aborted) return checked;
      this.#failed = new Set(checked.flatMap(({ id, error }) => (error === undefined ? [] : [id])));
      this.#last = Promise.resolve(checked);
      this.#timer = setTimeout(() => void round(), healthIntervalMs).unref();
      return checked;
    };
    const first = round();
    this.#last ??= first;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
  }
}
