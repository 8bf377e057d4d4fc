/**
 * What goes wrong while a request path is compiled, with the instances it is
 * about: it is told at their entry and weighed by its `on_failure`.
 */
export class BuildFault extends Error {
  /** Names, in order of the hooks. */
  readonly instances: readonly string[];

  constructor(instances: readonly string[], cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.instances = instances;
  }
}

/** Does work on behalf of one instance, whose fault it is when it throws. */
export function onBehalfOf<T>(instance: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof BuildFault ? error : new BuildFault([instance], error);
  }
}
