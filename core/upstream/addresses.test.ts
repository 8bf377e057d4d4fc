import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classifyAddress, parseAddress } from './address-ranges.ts';
import { createAddressGuard } from './addresses.ts';
import { collect } from './collect.ts';
import { Connector } from './connector.ts';
import { Upstream } from './exchange.ts';

let canary: Server;
let port = 0;
let connects = 0;
const upstream = new Upstream();

beforeAll(async () => {
  canary = createServer((socket: Socket) => {
    connects++;
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
  });
  // Every address of this machine, IPv6 where it has it.
  canary.listen(0);
  await once(canary, 'listening');
  port = (canary.address() as AddressInfo).port;
});

afterAll(async () => {
  await upstream.close(0);
  canary.close();
});

/** Hosts that are not public, in every spelling that some parser somewhere has taken. */
const groups = {
  // 127.0.0.1 in numbers.
  loopbackNumbers: `
    127.0.0.1 127.0.0.1. 127.1 127.0.1 127.00.00.01 2130706433 0x7f000001 0X7F000001 017700000001 0x7f.1 0x7f.0.0.1
    0x7F.0x0.0x0.0x1 0177.0.0.1 0177.0.0.01 00000177.0.0.1 0x7f.0.0x1 0177.1 0x0000007f.1 127.0x1 127.0.0x0.1
    127.0.0.0x1 %31%32%37.0.0.1 127%2e0%2e0%2e1 127.0.0.%31 %30x7f.1 １２７.0.0.1 127。0。0。1 127．0．0．1 127｡0｡0｡1
    ①②⑦.⓪.⓪.① 𝟏𝟐𝟕.𝟎.𝟎.𝟏 ０ｘ７ｆ.1 ²１₃₀706433`,
  // The rest of loopback, and this host.
  thisHost: `
    127.0.0.2 127.127.127.127 127.255.255.255 0.0.0.0 0 0x0 00 0.0.0.1 0.1.2.3 000.000.000.000`,
  // Names for this machine and for metadata.
  names: `
    localhost LOCALHOST LocalHost localhost. localhost.. a.localhost a.b.LOCALHOST. loc%61lhost %6cocalhost
    ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ localhost.localdomain ip6-localhost ip6-loopback printer.local x.y.local metadata metadata.
    metadata.google.internal METADATA.GOOGLE.INTERNAL metadata.google.internal. metadata.goog metadata.azure.com
    instance-data instance-data.ec2.internal db.internal host.docker.internal broadcasthost`,
  // Metadata addresses.
  metadata: `
    169.254.169.254 169.254.170.2 169.254.169.253 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518
    100.100.100.200 192.0.0.192 168.63.129.16 [fd00:ec2::254] [fd20:ce::254] [fe80::a9fe:a9fe]
    [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::] [::a9fe:a9fe]`,
  // Private and special IPv4.
  ipv4: `
    10.0.0.0 10.0.0.1 10.255.255.255 167772161 012.0.0.1 0xa.1 172.16.0.1 172.31.255.255 192.168.0.1 192.168.257
    192.168.255.255 0xc0a80001 3232235521 100.64.0.1 100.127.255.255 192.0.0.1 192.0.2.1 198.18.0.1 198.19.255.255
    198.51.100.7 203.0.113.7 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.254 255.255.255.255
    4294967295 0xffffffff`,
  // IPv6 loopback, unspecified, and forms that carry an IPv4 address.
  carriers: `
    [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [0::1] [::0.0.0.1] [::]
    [0:0:0:0:0:0:0:0] [::0.0.0.0] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1] [::FFFF:127.0.0.1] [::ffff:7f00:1]
    [0:0:0:0:0:ffff:127.0.0.1] [0:0:0:0:0:ffff:7f00:0001] [::ffff:10.0.0.1] [::ffff:192.168.1.1] [::ffff:0.0.0.0]
    [::ffff:0:127.0.0.1] [::ffff:0:7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::10.1.2.3]
    [64:ff9b:1::7f00:1] [64:ff9b:1::808:808] [2002:7f00:1::] [2002:7f00:0001::1] [2002:0a00:0001::]
    [2002:c0a8:101::5] [2001:0:7f00:1::] [2001:0000:4136:e378:8000:63bf:3fff:fdd2] [fe80::5efe:127.0.0.1]
    [fe80::5efe:8.8.8.8] [2600::5efe:10.0.0.1] [2600::200:5efe:7f00:1]`,
  // Special IPv6.
  ipv6: `
    [fe80::1] [febf::1] [fec0::1] [fc00::1] [fd12:3456::1] [fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff] [ff02::1]
    [ff0e::1] [2001:db8::1] [3fff::1] [2001:2::1] [2001:10::1] [2001:20::1] [100::1] [5f00::1] [4000::1] [::2]
    [1::]`,
};
const hosts = [
  ...Object.values(groups).flatMap((group) => group.trim().split(/\s+/)),
  '127.0.0.1\t',
  '127.\n0.0.1',
  'local\u00adhost',
];

const addresses = (): string[] => [
  ...hosts.map((host) => `http://${host}:${port}/`),
  ...['127.0.0.1', 'localhost', '[::1]', '0x7f.1'].flatMap((host) => [
    `https://${host}:${port}/`,
    `hTTp://${host}:${port}/`,
    ` http://${host}:${port}/ `,
    `http:${host}:${port}/`,
    `http:/${host}:${port}/`,
    `http:///${host}:${port}/`,
    `http:\\\\${host}:${port}\\`,
    `http://${host}:${port}#@example.com/`,
    `http://${host}:${port}?@example.com/`,
    `http://${host}:${port}\\@example.com/`,
    `http://example.com@${host}:${port}/`,
    `http://example.com:80@${host}:${port}/`,
    `http://user:pass@${host}:${port}/`,
    `http://@${host}:${port}/`,
    `ht\ntp://${host}:${port}/`,
  ]),
  ...['ftp', 'file', 'gopher', 'ws', 'wss', 'dict', 'ldap', 'blob:http', 'unix', 'javascript', 'data', 'jar:http'].map(
    (scheme) => `${scheme}://127.0.0.1:${port}/`,
  ),
  `http://[::1%25lo]:${port}/`,
  `http://[fe80::1%eth0]:${port}/`,
  `http://127.0.0.1:${port}:80/`,
  `http://256.0.0.1:${port}/`,
  `http://0x100000000:${port}/`,
  `http://example.com@/`,
  'http://',
  'http:///',
  '//127.0.0.1/',
  '127.0.0.1',
  '',
  `http://localhost%00.example.com:${port}/`,
  `http://.localhost:${port}/`,
  `http://user@example.com/`,
];

describe('a guarded exchange', () => {
  it('reaches the canary in none of 250 and more spellings of addresses that are not public', async () => {
    expect(new Set(addresses()).size).toBeGreaterThanOrEqual(250);
    const codes = await Promise.all(
      addresses().map(async (url) => {
        try {
          await collect(upstream, { url, guarded: true, timeoutMs: 2000 });
          return `${url} was answered`;
        } catch (error) {
          return (error as { code: string }).code === 'ERR_REQUEST_REFUSED' ||
            (error as { code: string }).code === 'ERR_REQUEST_INVALID'
            ? 'refused'
            : `${url}: ${error}`;
        }
      }),
    );
    expect(codes.filter((code) => code !== 'refused')).toEqual([]);
    expect(connects).toBe(0);
  });

  it('reaches the canary when the operator allows its address, which shows that the canary would sing', async () => {
    const before = connects;
    const allowing = new Upstream({ allowedAddresses: ['127.0.0.0/8'] });
    for (const host of ['127.0.0.1', '0x7f.1', '[::ffff:127.0.0.1]']) {
      expect((await collect(allowing, { url: `http://${host}:${port}/`, guarded: true, timeoutMs: 2000 })).status).toBe(
        200,
      );
    }
    expect(connects).toBe(before + 3);
    await expect(
      collect(allowing, { url: `http://localhost:${port}/`, guarded: true, timeoutMs: 2000 }),
    ).rejects.toMatchObject({ code: 'ERR_REQUEST_REFUSED' });
    allowing.allow(['localhost']);
    expect((await collect(allowing, { url: `http://localhost:${port}/`, guarded: true, timeoutMs: 2000 })).status).toBe(
      200,
    );
    await expect(
      collect(allowing, { url: `http://127.0.0.1:${port}/`, guarded: true, timeoutMs: 2000 }),
    ).rejects.toMatchObject({ code: 'ERR_REQUEST_REFUSED' });
    await allowing.close(0);
  });

  it('shares no connection with an unguarded one', async () => {
    const url = `http://127.0.0.1:${port}/`;
    expect((await collect(upstream, { url, timeoutMs: 2000 })).status).toBe(200);
    await expect(collect(upstream, { url, guarded: true, timeoutMs: 2000 })).rejects.toMatchObject({
      code: 'ERR_REQUEST_REFUSED',
    });
  });

  it('tells the caller neither what a name resolved to nor the query', async () => {
    const failure = await collect(upstream, {
      url: `http://127.0.0.1:${port}/?key=sk-123`,
      guarded: true,
      timeoutMs: 2000,
    }).catch((error: Error) => error);
    expect(String(failure)).not.toMatch(/sk-123|private|loopback/);
  });
});

describe('names that resolve to addresses that are not public', () => {
  type Answer = readonly string[] | Error;

  function connectorWith(allowed: readonly string[], answers: readonly Answer[]) {
    let asked = 0;
    const resolve = (
      _name: string,
      _options: LookupAllOptions,
      callback: (error: Error | null, found: LookupAddress[]) => void,
    ) => {
      const answer = answers[Math.min(asked++, answers.length - 1)] as Answer;
      if (answer instanceof Error) callback(answer, []);
      else
        callback(
          null,
          answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        );
    };
    const guard = createAddressGuard(allowed, resolve);
    return { connector: new Connector('http://name.example', guard), askedTimes: () => asked };
  }

  const open = (connector: Connector, timeoutMs = 300) =>
    new Promise<Error | Socket>((settled) => {
      connector.open({ hostname: 'name.example', protocol: 'http:', port: String(port) }, timeoutMs, (error, socket) =>
        settled(error ?? socket),
      );
    });

  it.each([
    ['one address', ['127.0.0.1']],
    ['a private address behind a public one', ['93.184.215.14', '127.0.0.1']],
    ['a mapped address', ['::ffff:127.0.0.1']],
    ['an address with a zone', ['fe80::1%lo']],
    ['no address at all', []],
  ])('are not connected to for %s', async (_what, found) => {
    const before = connects;
    const { connector } = connectorWith([], [found]);
    expect(await open(connector)).toMatchObject({
      code: found.length === 0 ? 'ERR_PROVIDER_CONNECTION' : 'ERR_REQUEST_REFUSED',
    });
    expect(connects).toBe(before);
  });

  it('are asked for once a connect, so that a second answer changes nothing', async () => {
    const before = connects;
    // 192.0.2.1 stands for a public address that does not answer; the range is allowed so that it is tried.
    const { connector, askedTimes } = connectorWith(['192.0.2.0/24'], [['192.0.2.1'], ['127.0.0.1']]);
    expect(await open(connector)).toBeInstanceOf(Error);
    expect(askedTimes()).toBe(1);
    expect(await open(connector)).toMatchObject({ code: 'ERR_REQUEST_REFUSED' });
    expect(connects).toBe(before);
  });

  it('are connected to when the name is listed, unless they are link-local', async () => {
    for (const allowed of ['name.example', 'NAME.example.', '*.example']) {
      const socket = (await open(connectorWith([allowed], [['127.0.0.1']]).connector)) as Socket;
      expect(socket.remoteAddress).toBe('127.0.0.1');
      socket.destroy();
      expect(await open(connectorWith([allowed], [['169.254.169.254']]).connector)).toMatchObject({
        code: 'ERR_REQUEST_REFUSED',
      });
    }
    expect(await open(connectorWith(['*.name.example', 'example'], [['127.0.0.1']]).connector)).toMatchObject({
      code: 'ERR_REQUEST_REFUSED',
    });
  });

  it('fail as a connection when the resolver fails', async () => {
    const { connector } = connectorWith([], [Object.assign(new Error('x'), { code: 'EAI_AGAIN' })]);
    expect(await open(connector)).toMatchObject({
      code: 'ERR_PROVIDER_CONNECTION',
      message: expect.stringContaining('EAI_AGAIN'),
    });
  });
});

describe('the class of an address', () => {
  const classOf = (text: string) => classifyAddress(parseAddress(text) as number[]);

  it.each([
    ['9.255.255.255', '11.0.0.0'],
    ['100.63.255.255', '100.128.0.0'],
    ['126.255.255.255', '128.0.0.0'],
    ['169.253.255.255', '169.255.0.0'],
    ['172.15.255.255', '172.32.0.0'],
    ['191.255.255.255', '192.0.1.0'],
    ['192.167.255.255', '192.169.0.0'],
    ['198.17.255.255', '198.20.0.0'],
    ['223.255.255.255', '1.0.0.0'],
    ['2000::1', '2606:4700::1111'],
    ['2001:200::1', '2001:db9::1'],
    ['3ffe:ffff::1', '3fff:1000::1'],
    ['64:ff9b::8.8.8.8', '::ffff:8.8.8.8'],
    ['2002:808:808::1', '2600::5efe:8.8.8.8'],
  ])('is public just outside the special ranges: %s and %s', (below, above) => {
    expect([classOf(below), classOf(above)]).toEqual(['public', 'public']);
  });

  it('is the same for an IPv4 address and for the forms that carry it', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ipv4) => {
        const bytes = ipv4.split('.').map(Number);
        const [high, low] = [0, 2].map((at) => ((bytes[at] as number) * 256 + (bytes[at + 1] as number)).toString(16));
        for (const form of [`::ffff:${ipv4}`, `::ffff:${high}:${low}`, `64:ff9b::${ipv4}`, `2002:${high}:${low}::1`])
          expect(classOf(form)).toBe(classOf(ipv4));
      }),
    );
  });

  it('does not depend on how an IPv6 address is written', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
        const long = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
        const short = new URL(`http://[${long}]/`).hostname.slice(1, -1);
        expect(parseAddress(short)).toEqual(groups.flatMap((group) => [group >> 8, group & 255]));
        expect(parseAddress(long)).toEqual(parseAddress(short));
      }),
    );
  });
});

describe('exceptions', () => {
  it.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'fd00::/129',
    'http://host',
    'host:80',
    'a b',
    '',
    '*',
    '*.',
    '1.2.3',
    'x'.repeat(300),
  ])('of the form "%s" are ERR_CONFIG_INVALID', (entry) => {
    expect(() => createAddressGuard([entry])).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }));
  });

  it('of a range open that range alone, in whatever form the address comes', () => {
    const guard = createAddressGuard(['10.1.0.0/16', 'fd12::/16', '192.168.7.9']);
    for (const host of ['10.1.2.3', '[::ffff:10.1.2.3]', '[fd12::5]', '192.168.7.9'])
      expect(guard.checkUrl(`http://${host}/`)).toBeInstanceOf(URL);
    for (const host of ['10.2.0.0', '[fd13::5]', '192.168.7.8', '127.0.0.1']) {
      expect(() => guard.checkUrl(`http://${host}/`)).toThrow(expect.objectContaining({ code: 'ERR_REQUEST_REFUSED' }));
    }
  });

  it('leave public addresses and names as they are', () => {
    const guard = createAddressGuard([]);
    for (const url of [
      'https://api.openai.com/v1',
      'http://8.8.8.8/',
      'https://[2606:4700::1111]/',
      'https://localhost.example.com/',
      'https://internal.example.com/',
    ])
      expect(guard.checkUrl(url).href).toContain('http');
  });
});
