/** Services that the kernel provides itself, by name. */
import { modelList } from '../pipeline/model-list.ts';
import { type RoutingParts, routingService } from './dry-run.ts';

export const kernelServices: readonly string[] = ['models', 'routing'];

export function kernelProvides(parts: RoutingParts): (name: string) => unknown {
  const provided: Readonly<Record<string, unknown>> = { models: modelList, routing: routingService(parts) };
  return (name) => provided[name];
}
