/**
 * Blobs in a bucket of any server that speaks S3.
 *
 * Requests are signed by the kernel, which finds the credentials: this code
 * sees none. A write under a condition is one request, so that of several
 * writers one wins.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
import {
  definePlugin,
  type Host,
  type HostFetchOptions,
  type HostResponse,
  RutterError,
  type Source,
  secret,
  z,
} from '@rutter/plugin-sdk';
import { encodeKey, readErrorCode, readPage } from './wire.ts';

const config = z.strictObject({
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)
    .optional()
    .describe('Bucket; taken from the address where one names it.'),
  endpoint: z.url().optional().describe('Scheme and host of the server; Amazon S3 when absent.'),
  region: z.string().optional().describe('Region; of the environment or the profile when absent, else us-east-1.'),
  path_style: z
    .boolean()
    .optional()
    .describe('Whether the bucket stands in the path rather than in the host; true with an endpoint, else false.'),
  access_key_id: z.string().optional().describe('Key id; from the environment, a profile or a role when absent.'),
  secret_access_key: secret().optional().describe('Key that belongs to the id.'),
  session_token: secret().optional().describe('Token of a temporary key.'),
  profile: z.string().optional().describe('Profile in ~/.aws whose credentials are taken.'),
  role: z.string().optional().describe('ARN of a role to assume.'),
  timeout_ms: z.int().min(100).max(600_000).default(30_000).describe('Longest exchange, in milliseconds.'),
  max_bytes: z
    .int()
    .min(1)
    .max(1024 * 1024 * 1024)
    .default(128 * 1024 * 1024)
    .describe('Largest object that is read.'),
});
type Options = z.output<typeof config>;

const attempts = 3;
const mostPages = 1000;

export default definePlugin({
  kind: 'source',
  config,
  setup(host, options): Source {
    const bucket = new Bucket(host, options);
    return {
      get: (key, given) => bucket.get(key, given?.etag),
      list: (prefix) => bucket.list(prefix),
      put: (key, body, condition) => bucket.put(key, body, condition ?? {}),
    };
  },
});

interface Asked {
  readonly key: string;
  readonly query?: string;
  readonly method: 'GET' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

class Bucket {
  readonly #host: Host;
  readonly #options: Options;
  readonly #auth: Pick<HostFetchOptions, 'auth' | 'credentials'>;

  constructor(host: Host, options: Options) {
    this.#host = host;
    this.#options = options;
    const { region, access_key_id, secret_access_key, session_token, profile, role } = options;
    const given = {
      aws_region_name: region,
      aws_access_key_id: access_key_id,
      aws_secret_access_key: secret_access_key,
      aws_session_token: session_token,
      aws_profile_name: profile,
      aws_role_name: role,
    };
    const credentials = Object.fromEntries(
      Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    );
    this.#auth = { auth: { scheme: 'sigv4', service: 's3', region: 'us-east-1' }, credentials };
  }

  async get(key: string, etag: string | undefined): ReturnType<Source['get']> {
    if (!isKey(key)) return undefined;
    const reply = await this.#ask({ method: 'GET', key, headers: etag === undefined ? {} : { 'if-none-match': etag } });
    if (reply.status === 304) return 'unchanged';
    if (reply.status !== 200) {
      const code = await this.#codeOf(reply);
      if (reply.status === 404 && code !== 'NoSuchBucket') return undefined;
      throw this.#failed(reply.status, code, `read ${key}`);
    }
    return { body: await bytesOf(reply), etag: reply.headers.etag ?? '' };
  }

  async list(prefix: string): ReturnType<Source['list']> {
    const found: Awaited<ReturnType<Source['list']>>[number][] = [];
    let token: string | undefined;
    for (let page = 0; page < mostPages; page += 1) {
      const next = token === undefined ? '' : `continuation-token=${encodeKey(token, '')}&`;
      const query = `${next}list-type=2&prefix=${encodeKey(prefix, '')}`;
      const reply = await this.#ask({ method: 'GET', key: '', query });
      if (reply.status !== 200) throw this.#failed(reply.status, await this.#codeOf(reply), `list ${prefix}`);
      const { entries, next: more } = readPage(await reply.text());
      found.push(...entries);
      if (more === undefined) return found;
      token = more;
    }
    throw new RutterError('ERR_PROVIDER_MALFORMED', `Found more than ${mostPages} pages of keys under ${prefix}.`);
  }

  async put(
    key: string,
    body: Uint8Array,
    { ifMatch, ifNoneMatch }: NonNullable<Parameters<Source['put']>[2]>,
  ): Promise<boolean> {
    if (!isKey(key)) throw new RutterError('ERR_REQUEST_INVALID', `Found the key "${key}", expected no way out of it.`);
    const isConditional = ifMatch !== undefined || ifNoneMatch !== undefined;
    // The caller may change its bytes while they are on their way.
    const bytes = Uint8Array.from(body);
    const tags = ifMatch === undefined ? [undefined] : [...new Set([ifMatch, ifMatch.replaceAll('"', '')])];
    // Ceph compares with the bare tag, which others take too. A condition that fails has done nothing.
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      for (const tag of tags) {
        const result = await this.#putOnce(key, bytes, { tag, ifNoneMatch, isConditional });
        if (result === 'done') return true;
        if (result === 'unclear') break;
        if (tag === tags.at(-1)) return false;
      }
      // Ceph answers 500 when two write at once. What stands there tells what became of it.
      const found = await this.get(key, undefined);
      const current = typeof found === 'object' ? found : undefined;
      if (current !== undefined && Buffer.from(bytes).equals(current.body)) return true;
      const couldStillHold = ifMatch === undefined ? current === undefined : current?.etag === ifMatch;
      if (!couldStillHold) return false;
      await this.#rest(attempt);
    }
    throw new RutterError('ERR_PROVIDER_UNAVAILABLE', `The server could not write ${key}; tried ${attempts} times.`);
  }

  async #putOnce(
    key: string,
    body: Uint8Array,
    condition: {
      readonly tag: string | undefined;
      readonly ifNoneMatch: '*' | undefined;
      readonly isConditional: boolean;
    },
  ): Promise<'done' | 'refused' | 'unclear'> {
    const { tag, ifNoneMatch, isConditional } = condition;
    const headers = {
      'content-type': 'application/octet-stream',
      ...(tag === undefined ? {} : { 'if-match': tag }),
      ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
    };
    const reply = await this.#ask({ method: 'PUT', key, headers, body });
    if (reply.status === 200) {
      await reply.text();
      return 'done';
    }
    const code = await this.#codeOf(reply);
    // 409: another conditional write was under way; 404: there is nothing that could match.
    const isRefused = reply.status === 412 || code === 'ConditionalRequestConflict' || code === 'NoSuchKey';
    if (isConditional && isRefused) return 'refused';
    if (isConditional && reply.status >= 500) return 'unclear';
    throw this.#failed(reply.status, code, `write ${key}`);
  }

  /** Reading is tried again after a failure of the server; writing only where it says that it did nothing. */
  async #ask(asked: Asked): Promise<HostResponse> {
    for (let attempt = 1; ; attempt += 1) {
      const reply = await this.#fetch(asked);
      const isBusy = reply.status === 503 || (reply.status >= 500 && asked.method === 'GET');
      if (!isBusy || attempt === attempts) return reply;
      await reply.text();
      await this.#rest(attempt);
    }
  }

  #rest(attempt: number): Promise<void> {
    return this.#host.clock.sleep(200 * 2 ** attempt * (0.5 + this.#host.random()));
  }

  async #fetch({ key, query, method, headers = {}, body }: Asked): Promise<HostResponse> {
    const { timeout_ms: timeoutMs, max_bytes: maxBytes } = this.#options;
    const url = `${this.#address()}${encodeKey(key, '/')}${query === undefined ? '' : `?${query}`}`;
    try {
      return await this.#host.fetch(url, {
        ...this.#auth,
        method,
        headers,
        timeoutMs,
        maxBytes,
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      const { code, message } = RutterError.from(error);
      const { bucket, endpoint = 'Amazon S3' } = this.#options;
      const what = key === '' ? 'list keys' : `${method === 'GET' ? 'read' : 'write'} ${key}`;
      const words = `${endpoint} could not be asked to ${what} in bucket "${bucket}": ${message}`;
      throw new RutterError(code, words, { cause: error });
    }
  }

  #address(): string {
    const { bucket, endpoint, path_style: pathStyle = endpoint !== undefined } = this.#options;
    if (bucket === undefined)
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        'Found no bucket; expected one in an address s3://bucket/… or in the options.',
      );
    if (endpoint === undefined && !pathStyle) return `https://${bucket}.s3.{region}.amazonaws.com/`;
    const url = new URL(endpoint ?? 'https://s3.us-east-1.amazonaws.com');
    const path = url.pathname.replace(/\/+$/, '');
    return pathStyle ? `${url.origin}${path}/${bucket}/` : `${url.protocol}//${bucket}.${url.host}${path}/`;
  }

  async #codeOf(reply: HostResponse): Promise<string> {
    return readErrorCode(await reply.text());
  }

  /** The server's words may quote what was signed: only its code is told. */
  #failed(status: number, code: string, what: string): RutterError {
    const { bucket, endpoint = 'Amazon S3' } = this.#options;
    const kind = status === 401 || status === 403 ? 'ERR_PROVIDER_AUTHENTICATION' : 'ERR_PROVIDER_UNAVAILABLE';
    const words = `${endpoint} answered ${status}${code === '' ? '' : ` ${code}`} when asked to ${what} in bucket "${bucket}".`;
    return new RutterError(kind, words);
  }
}

/** Not empty, and without steps that a server might follow. */
const isKey = (key: string): boolean =>
  key !== '' &&
  key.length <= 1024 &&
  !key.includes('\0') &&
  !/(^|[/\\])\.{1,2}([/\\]|$)/.test(key) &&
  !key.startsWith('/');

async function bytesOf(reply: HostResponse): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  return Uint8Array.from(Buffer.concat(chunks));
}
