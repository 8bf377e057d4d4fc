/** Images and files by address, for a vendor that takes bytes only. */
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  openAiDeployment,
  openAiVendor,
  sendJson,
  startGateway,
  startVendor,
  type VendorExchange,
} from '../support/index.ts';
import { ask } from './router-support.ts';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const gif = Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1');
const pdf = Buffer.from('%PDF-1.7\n%%EOF\n');
const uri = (type: string, bytes: Buffer) => `data:${type};base64,${bytes.toString('base64')}`;
const megabyte = 1024 * 1024;

/** What stands at each path of the image server. */
const files: Record<string, (exchange: VendorExchange) => unknown> = {
  '/cat.png': ({ response }) => response.writeHead(200, { 'content-type': 'image/png' }).end(png),
  '/untyped': ({ response }) => response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(gif),
  '/wrong-name.jpg': ({ response }) => response.writeHead(200, { 'content-type': 'image/jpeg' }).end(png),
  '/paper.pdf': ({ response }) => response.writeHead(200, { 'content-type': 'application/pdf' }).end(pdf),
  '/notes.md': ({ response }) => response.writeHead(200, { 'content-type': 'text/markdown' }).end('# Notes'),
  '/page': ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
  '/fake.png': ({ response }) => response.writeHead(200, { 'content-type': 'image/png' }).end('<svg/>'),
  '/empty.png': ({ response }) => response.writeHead(200, { 'content-type': 'image/png' }).end(),
  '/gone.png': ({ response }) => sendJson(response, 404, { error: 'gone' }),
  '/packed.png': ({ response }) =>
    response.writeHead(200, { 'content-type': 'image/png', 'content-encoding': 'gzip' }).end(gzipSync(png)),
  '/moved.png': ({ response }) => response.writeHead(302, { location: '/cat.png' }).end(),
  '/round.png': ({ response }) => response.writeHead(302, { location: '/round.png' }).end(),
  '/inward.png': ({ response }) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
  '/told-large.png': ({ response }) =>
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': 3 * megabyte }).write(png),
  '/large.png': ({ response }) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.concat([png, Buffer.alloc(3 * megabyte)])),
  '/silent.png': () => {},
};
for (const name of ['a', 'b', 'c'])
  files[`/half-${name}.png`] = ({ response }) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.concat([png, Buffer.alloc(0.8 * megabyte)]));

const images = await startVendor((exchange) => files[exchange.request.path.split('?')[0] ?? '']?.(exchange));
const vendor = await startVendor(openAiVendor({ reply: 'seen' }));
const plugins = [{ use: new URL('../contract/bytes-provider', import.meta.url).pathname, trust: true }];
const bytes = (group: string, params: object = {}) => ({
  model_name: group,
  litellm_params: { model: 'bytes/native', api_base: vendor.url, ...params },
});
const config = {
  plugins,
  model_list: [
    bytes('seen'),
    bytes('hurried', { timeout: 0.4 }),
    openAiDeployment('address', vendor),
    bytes('busy', { cooldown_time: 0 }),
  ],
  router_settings: { num_retries: 1, retry_after: 0, disable_cooldowns: true },
  general_settings: { max_request_size_mb: 2, allowed_addresses: ['127.0.0.1'] },
};
const gateway = await startGateway({ config });
const guarded = await startGateway({ config: { ...config, general_settings: {} } });

const image = (url: string) => ({ type: 'image_url', image_url: { url } });
const file = (found: object) => ({ type: 'file', file: found });
const say = (...content: object[]) => ({ messages: [{ role: 'user', content }] });
const at = (path: string) => `${images.url}${path}`;

interface Part {
  readonly image_url?: { readonly url: string };
  readonly file?: { readonly file_data?: string };
}
/** The parts of the last request's last message, as the vendor was given them. */
const given = () => (vendor.requests.at(-1)!.json!.messages as { content: Part[] }[]).at(-1)!.content;

beforeEach(() => vendor.use(openAiVendor({ reply: 'seen' })));

describe('an address', () => {
  it('is fetched, and the vendor is given its bytes under their own type', async () => {
    const answer = await ask(gateway, 'seen', {
      body: say(image(at('/cat.png')), { type: 'text', text: 'What?' }, image(at('/untyped'))),
    });
    expect(answer).toMatchObject({ status: 200, said: 'seen' });
    expect(given().map((part) => part.image_url?.url)).toEqual([
      uri('image/png', png),
      undefined,
      uri('image/gif', gif),
    ]);
  });

  it('tells by its bytes what its header says wrong', async () => {
    await ask(gateway, 'seen', { body: say(image(at('/wrong-name.jpg'))) });
    expect(given()[0]?.image_url?.url).toBe(uri('image/png', png));
  });

  it('of a file is fetched too, under LiteLLM\u2019s spelling', async () => {
    const answer = await ask(gateway, 'seen', {
      body: say(file({ file_id: at('/paper.pdf'), filename: 'paper.pdf' }), file({ file_id: at('/notes.md') })),
    });
    expect(answer.status).toBe(200);
    expect(given().map((part) => part.file?.file_data)).toEqual([
      uri('application/pdf', pdf),
      uri('text/markdown', Buffer.from('# Notes')),
    ]);
  });

  it('goes out without any credential of the caller or the gateway', async () => {
    await ask(gateway, 'seen', {
      body: say(image(at('/cat.png?sent=plain'))),
      headers: { authorization: 'Bearer sk-caller', cookie: 'a=b', 'x-secret': 'c' },
    });
    const sent = images.requests.findLast(({ path }) => path.endsWith('sent=plain'));
    expect(Object.keys(sent!.headers).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ]);
  });

  it('is followed through a redirect', async () => {
    expect(await ask(gateway, 'seen', { body: say(image(at('/moved.png'))) })).toMatchObject({ status: 200 });
    expect(given()[0]?.image_url?.url).toBe(uri('image/png', png));
  });

  it('is fetched once, however often it stands there and however often the vendor is tried', async () => {
    const before = images.requests.length;
    vendor.use(openAiVendor({ reply: 'at last', failures: [500] }));
    const url = at('/cat.png?once');
    expect(await ask(gateway, 'busy', { body: say(image(url), image(url)) })).toMatchObject({ said: 'at last' });
    expect(
      vendor.requests.slice(-2).map(({ json }) => JSON.stringify(json).split(png.toString('base64')).length),
    ).toEqual([3, 3]);
    expect(images.requests.length - before).toBe(1);
  });

  it('is fetched for a stream as well', async () => {
    const answer = await ask(gateway, 'seen', { body: { ...say(image(at('/cat.png'))), stream: true } });
    expect(answer.said).toBe('seen');
    expect(given()[0]?.image_url?.url).toBe(uri('image/png', png));
  });

  it('is passed on as it is to a vendor that takes addresses', async () => {
    const before = images.requests.length;
    await ask(gateway, 'address', { body: say(image(at('/cat.png'))) });
    expect(given()[0]?.image_url?.url).toBe(at('/cat.png'));
    expect(images.requests.length).toBe(before);
  });
});

describe('what cannot be had', () => {
  it.each([
    ['/page', 'content of type \\"text/html\\"'],
    ['/fake.png', 'bytes of no known kind'],
    ['/paper.pdf', 'application/pdf'],
    ['/empty.png', 'nothing'],
    ['/gone.png', 'the answer 404'],
    ['/packed.png', 'the coding'],
    ['/round.png', 'more than 3 redirects'],
    ['/told-large.png', '3145728 bytes'],
    ['/large.png', 'more bytes than are taken'],
  ])('at %s is a 400 that names the part and asks no vendor', async (path, found) => {
    const before = vendor.requests.length;
    const answer = await ask(gateway, 'seen', {
      body: {
        messages: [{ role: 'system', content: 's' }, ...say({ type: 'text', text: 't' }, image(at(path))).messages],
      },
    });
    expect(answer).toMatchObject({ status: 400, error: { param: 'messages[1].content[1]' } });
    expect(JSON.stringify(answer.error?.message)).toContain(found);
    expect(vendor.requests.length).toBe(before);
  });

  it('together is more than one request may bring along', async () => {
    const content = ['a', 'b', 'c'].map((name) => image(at(`/half-${name}.png`)));
    const answer = await ask(gateway, 'seen', { body: say(...content) });
    expect(answer).toMatchObject({ status: 400, error: { message: expect.stringContaining('together') } });
    expect(await ask(gateway, 'seen', { body: say(...content.slice(1)) })).toMatchObject({ status: 200 });
  });

  it('in time is told so, within the time of the call', async () => {
    const answer = await ask(gateway, 'hurried', { body: say(image(at('/silent.png'))) });
    expect(answer).toMatchObject({ status: 400, error: { message: expect.stringContaining('in time') } });
    expect(answer.ms).toBeLessThan(3000);
  });

  it('is not quoted: an address may be signed', async () => {
    const { error } = await ask(gateway, 'seen', { body: say(image(at('/gone.png?signature=s3cr3t'))) });
    expect(error?.message).not.toContain('s3cr3t');
  });

  it('at an address on this machine is refused unless the configuration allows it', async () => {
    const before = images.requests.length;
    const answer = await ask(guarded, 'seen', { body: say(image(at('/cat.png'))) });
    expect(answer).toMatchObject({ status: 400, error: { param: 'messages[0].content[0]' } });
    expect(answer.error?.message).toContain('allowed_addresses');
    expect(images.requests.length).toBe(before);
  });

  it('behind a redirect into an inner network is refused', async () => {
    const answer = await ask(gateway, 'seen', { body: say(image(at('/inward.png'))) });
    expect(answer).toMatchObject({ status: 400, error: { message: expect.stringContaining('169.254.169.254') } });
  });
});

describe('data in the request itself', () => {
  it('is taken as it is, under the type its bytes show', async () => {
    await ask(gateway, 'seen', { body: say(image(uri('image/jpeg', png))) });
    expect(given()[0]?.image_url?.url).toBe(uri('image/png', png));
  });

  it('may be written in a data address without base64', async () => {
    await ask(gateway, 'seen', { body: say(file({ file_id: 'data:text/plain,some%20words' })) });
    expect(given()[0]?.file?.file_data).toBe(uri('text/plain', Buffer.from('some words')));
  });

  it.each([
    ['data:image/png;base64,%%%', 'not base64'],
    ['data:image/png;base64,', 'no data'],
    ['data:image/png;base64,aGVsbG8=', 'bytes of no known kind'],
    ['data:image/png', 'without data'],
  ])('such as %s is refused', async (url, found) => {
    const answer = await ask(gateway, 'seen', { body: say(image(url)) });
    expect(answer).toMatchObject({ status: 400, error: { param: 'messages[0].content[0]' } });
    expect(answer.error?.message).toContain(found);
  });

  it('beyond a mebibyte arrives whole', async () => {
    const large = Buffer.concat([png, Buffer.alloc(megabyte, 7)]);
    expect(await ask(gateway, 'seen', { body: say(image(uri('image/png', large))) })).toMatchObject({ said: 'seen' });
    expect(given()[0]?.image_url?.url).toBe(uri('image/png', large));
  });
});
