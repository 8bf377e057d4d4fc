/** What the HTTP edge takes hold of for each request. */
import type { RequestPath } from '../pipeline/path.ts';
import type { Lease } from '../plugins/types.ts';
import type { RouteTable } from './routes.ts';

/** A generation as requests hold it. */
export interface Holdable {
  readonly path: { readonly path: RequestPath; readonly routes: RouteTable };
  lease(): Lease;
}
