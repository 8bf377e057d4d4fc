/**
 * Which IP addresses belong to the public internet.
 *
 * IPv6 is judged by what is allowed rather than by what is not: only global
 * unicast space less its special ranges is public. An IPv6 form that carries
 * an IPv4 address is as public as that address.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** Bytes of an address: 4 or 16. */
export type AddressBytes = readonly number[];

export interface AddressRange {
  readonly bytes: AddressBytes;
  readonly bits: number;
}

/** How far from public an address is: `local` ones never follow from a trusted host name, only from a range. */
export type AddressClass = 'public' | 'private' | 'local';

/** Undefined when the text is no IP address in its ordinary spelling. A zone (`%eth0`) makes it none. */
export function parseAddress(text: string): AddressBytes | undefined {
  if (isIPv4(text)) return text.split('.').map(Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  const groups = tail.includes('.') ? `${text.slice(0, lastColon + 1)}${asGroups(tail)}` : text;
  const [head = '', rest] = groups.split('::');
  const before = parseGroups(head);
  const after = rest === undefined ? [] : parseGroups(rest);
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function asGroups(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function parseGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

/** `10.0.0.0/8`, `fd00::/8` or a single address; undefined for anything else. */
export function parseRange(text: string): AddressRange | undefined {
  const [address = '', width, ...more] = text.split('/');
  const bytes = parseAddress(address.replace(/^\[|\]$/g, ''));
  if (bytes === undefined || more.length > 0) return undefined;
  const most = bytes.length * 8;
  if (width === undefined) return { bytes, bits: most };
  if (!/^\d{1,3}$/.test(width) || Number(width) > most) return undefined;
  return { bytes, bits: Number(width) };
}

/** Whether the address lies in the range; an IPv4 address in IPv6 clothes counts as the IPv4 address too. */
export function isInRange(address: AddressBytes, range: AddressRange): boolean {
  if (address.length !== range.bytes.length) {
    const inner = address.length === 16 ? embeddedIpv4(address) : undefined;
    return inner !== undefined && isInRange(inner, range);
  }
  const whole = range.bits >> 3;
  for (let index = 0; index < whole; index++) if (address[index] !== range.bytes[index]) return false;
  const rest = range.bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((address[whole] ?? 0) & mask) === ((range.bytes[whole] ?? 0) & mask);
}

const ranges = (...texts: string[]): readonly AddressRange[] =>
  texts.map((text) => {
    const range = parseRange(text);
    if (range === undefined) throw new Error(`Not a range: ${text}`);
    return range;
  });

/** Loopback, RFC 1918, carrier-grade NAT, and ranges for documentation, benchmarks and protocols. */
const privateIpv4 = ranges(
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
);
/** Unspecified, link-local with the metadata services, a cloud's wire server, multicast, reserved, broadcast. */
const localIpv4 = ranges(
  '0.0.0.0/8',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '192.0.0.192/32',
  '224.0.0.0/4',
  '240.0.0.0/4',
);
const privateIpv6 = ranges('::1/128', 'fc00::/7');
const metadataIpv6 = ranges('fd00:ec2::254/128', 'fd20:ce::254/128');
const globalIpv6 = ranges('2000::/3');
const specialIpv6 = ranges('2001::/23', '2001:db8::/32', '3fff::/20');

const isInAny = (address: AddressBytes, list: readonly AddressRange[]): boolean =>
  list.some((range) => isInRange(address, range));

export function classifyAddress(address: AddressBytes): AddressClass {
  if (address.length === 4) {
    if (isInAny(address, localIpv4)) return 'local';
    return isInAny(address, privateIpv4) ? 'private' : 'public';
  }
  const inner = embeddedIpv4(address);
  if (inner !== undefined) return classifyAddress(inner);
  if (isInAny(address, metadataIpv6)) return 'local';
  if (isInAny(address, privateIpv6)) return 'private';
  if (!isInAny(address, globalIpv6) || isInAny(address, specialIpv6)) return 'local';
  // An ISATAP address is also of its own prefix, so its inner address can only make it worse.
  return isIsatap(address) ? classifyAddress(address.slice(12)) : 'public';
}

/** Mapped, translated, compatible and NAT64 forms. */
const embedding = ranges('::ffff:0:0/96', '::ffff:0:0:0/96', '::/96', '64:ff9b::/96');

/** The IPv4 address that an IPv6 form stands for; bytes 2 to 5 of 6to4 (2002::/16), the last four of the others. */
function embeddedIpv4(address: AddressBytes): AddressBytes | undefined {
  if (address[0] === 0x20 && address[1] === 0x02) return address.slice(2, 6);
  // `::` and `::1` are addresses of their own, not 0.0.0.0 and 0.0.0.1.
  const isSmall = address.slice(0, 15).every((byte) => byte === 0);
  return !isSmall && isInAny(address, embedding) ? address.slice(12) : undefined;
}

const isIsatap = (address: AddressBytes): boolean =>
  ((address[8] ?? 0) & 0xfd) === 0 && address[9] === 0 && address[10] === 0x5e && address[11] === 0xfe;
