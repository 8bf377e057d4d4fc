/** `/v1/feedback`: give, look at, withdraw; and what is kept of one user. */
import {
  type Clock,
  type HandlerRoute,
  type RequestContext,
  RutterError,
  type SqlValue,
  type Store,
  z,
} from '@rutter/plugin-sdk';
import type { MarkRow, Marks } from './marks.ts';
import { findRequest, type RequestRow } from './requests.ts';

export interface FeedbackRoutesOptions {
  readonly store: Store;
  readonly marks: Marks;
  readonly clock: Clock;
  /** After every change that is in the store. */
  changed(): Promise<void>;
}

const path = '/v1/feedback';
const permission = 'model.call';
const maxBodyBytes = 16 * 1024;
/** A reply reaches its caller a moment before its row reaches the store. */
const findMs = 1_500;
const mostExported = 10_000;

const requestId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,128}$/, 'expected the id of a request, as x-request-id of its reply tells it');
const share = z.number().min(0).max(1);

const body = z
  .strictObject({
    request_id: requestId,
    rating: z.union([z.enum(['up', 'down']), z.number().min(0).max(5)]).optional(),
    score: share.optional(),
    preference: z.strictObject({ over: requestId, strength: share.default(1) }).optional(),
  })
  .refine(({ rating, score }) => rating === undefined || score === undefined, {
    path: ['score'],
    message: 'found both rating and score; expected one of them',
  })
  .refine(({ rating, score, preference }) => (rating ?? score ?? preference) !== undefined, {
    path: ['rating'],
    message: 'found none of rating, score and preference; expected one',
  })
  .refine(({ request_id, preference }) => preference?.over !== request_id, {
    path: ['preference', 'over'],
    message: 'found the request itself; expected another one',
  });

type Body = z.output<typeof body>;

function parse(json: unknown): Body {
  const read = body.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const param = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.');
  throw new RutterError('ERR_REQUEST_INVALID', `${param || 'The body'}: ${issue?.message}`, {
    param: param || undefined,
  });
}

const ratings = { up: 1, down: 0 } as const;

/** 0 to 1: stars are fifths, a thumb is all or nothing. */
const scoreOf = ({ rating, score }: Body) =>
  rating === undefined ? score : typeof rating === 'number' ? rating / 5 : ratings[rating];

const told = (row: MarkRow) => ({
  object: 'feedback',
  request_id: row.request_id,
  score: row.score,
  preference: row.over_request_id === null ? null : { over: row.over_request_id, strength: row.strength },
  model: row.model_group,
  created: Math.floor((row.given_ms as number) / 1000),
});

const unknownRequest = (id: string, param: string) =>
  new RutterError(
    'ERR_REQUEST_NOT_FOUND',
    `This key has no answered request ${id}. Expected the x-request-id of a reply that it was given; requests are forgotten after a while.`,
    { param },
  );

/** Whoever may do everything sees to the users of all keys. */
const scopeOf = ({ principal }: RequestContext): string | undefined =>
  principal.permissions.includes('*') ? undefined : principal.id;

export function feedbackRoutes(options: FeedbackRoutesOptions): readonly HandlerRoute[] {
  const { store, marks, clock, changed } = options;

  /** Waits a little for a row that is on its way. */
  async function own(context: RequestContext, id: string, param: string): Promise<RequestRow> {
    const until = clock.monotonic() + findMs;
    for (;;) {
      const found = await findRequest(store, context.principal.id, id);
      if (found) return found;
      if (clock.monotonic() >= until) throw unknownRequest(id, param);
      await clock.sleep(100, context.signal);
      await store.flush();
    }
  }

  const base = { mode: 'json', permission, maxBodyBytes } as const;
  const userOf = (params: Readonly<Record<string, string>>) => {
    const user = params.user ?? '';
    if (user !== '' && user.length <= 256) return user;
    throw new RutterError('ERR_REQUEST_INVALID', `user has ${user.length} characters; expected 1 to 256.`, {
      param: 'user',
    });
  };
  const list = (rows: readonly Readonly<Record<string, SqlValue>>[]) => ({ object: 'list', data: rows.map(told) });
  const markOf = async (context: RequestContext, id: string) => {
    const row = await marks.find(context.principal.id, id);
    if (row) return row;
    throw new RutterError('ERR_REQUEST_NOT_FOUND', `This key has given no feedback on request ${id.slice(0, 128)}.`);
  };

  return [
    {
      ...{ ...base, method: 'POST', path },
      async handler({ json, context }) {
        const read = parse(json);
        const request = await own(context, read.request_id, 'request_id');
        const over = read.preference && (await own(context, read.preference.over, 'preference.over'));
        const word = { score: scoreOf(read), strength: read.preference?.strength };
        const { row, isNew, isChanged } = await marks.give(request, word, over, clock.now());
        if (isChanged) await changed();
        return { status: isNew ? 201 : 200, body: told(row) };
      },
    },
    {
      ...{ ...base, method: 'GET', path: `${path}/:request_id` },
      handler: async ({ params, context }) => ({ body: told(await markOf(context, params.request_id ?? '')) }),
    },
    {
      ...{ ...base, method: 'DELETE', path: `${path}/:request_id` },
      async handler({ params, context }) {
        const { request_id: id } = await markOf(context, params.request_id ?? '');
        await marks.withdraw(context.principal.id, id as string);
        await changed();
        return { body: { object: 'feedback.deleted', request_id: id, deleted: true } };
      },
    },
    {
      ...{ ...base, method: 'GET', path: `${path}/users/:user` },
      async handler({ params, context }) {
        return { body: list(await marks.ofUser(userOf(params), scopeOf(context), mostExported)) };
      },
    },
    {
      ...{ ...base, method: 'DELETE', path: `${path}/users/:user` },
      async handler({ params, context }) {
        const user = userOf(params);
        const { marks: feedback, requests } = await marks.erase(user, scopeOf(context));
        await changed();
        return { body: { object: 'feedback.user.deleted', user, deleted: true, feedback, requests } };
      },
    },
  ];
}
