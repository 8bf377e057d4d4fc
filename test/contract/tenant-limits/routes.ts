/** The limits as administrators see and change them. */
import { type HandlerRoute, type RouteRequest, RutterError, z } from '@rutter/plugin-sdk';
import { type Limit, type Limits, levels, measures } from './limits.ts';

const bodySchema = z.strictObject({
  most: z.int().min(0).describe('The most within the window, or at once.'),
  windowMs: z
    .int()
    .min(1000)
    .max(31 * 86_400_000)
    .default(60_000),
});
const placeSchema = z.object({ level: z.enum(levels), id: z.string().min(1).max(256), measure: z.enum(measures) });

const path = '/tenant-limits/:level/:id/:measure';
const maxBodyBytes = 4096;

export function limitRoutes(limits: Limits): readonly HandlerRoute[] {
  return [
    {
      method: 'GET',
      path: '/tenant-limits',
      mode: 'json',
      permission: 'admin.read',
      handler: () => ({ body: { limits: limits.all() } }),
    },
    {
      method: 'PUT',
      path,
      mode: 'json',
      permission: 'admin.write',
      maxBodyBytes,
      async handler({ params, json }) {
        const limit: Limit = { ...read(placeSchema, params, 'path'), ...read(bodySchema, json, 'body') };
        await limits.set(limit);
        return { body: limit };
      },
    },
    {
      method: 'DELETE',
      path,
      mode: 'json',
      permission: 'admin.write',
      maxBodyBytes,
      async handler({ params }: RouteRequest) {
        const place = read(placeSchema, params, 'path');
        if (await limits.remove(place)) return { status: 204 };
        throw new RutterError(
          'ERR_REQUEST_NOT_FOUND',
          `${place.level} "${place.id}" has no limit of ${place.measure}.`,
        );
      },
    },
  ];
}

function read<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const param = issue?.path.join('.') || where;
  throw new RutterError('ERR_REQUEST_INVALID', `The ${where} is wrong at ${param}: ${issue?.message}.`, { param });
}
