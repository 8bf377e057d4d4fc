/**
 * Keeps a guarded exchange off addresses that are not public.
 *
 * A URL is checked twice: its spelling before anything is opened, and every
 * address its name resolves to at connect time. The socket connects to the
 * addresses that were checked, so a name that answers differently the second
 * time (rebinding) gains nothing.
 */
import { type LookupAddress, type LookupAllOptions, lookup as resolveName } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { RutterError } from '@rutter/plugin-sdk';
import { type AddressRange, classifyAddress, isInRange, parseAddress, parseRange } from './address-ranges.ts';

type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface AddressGuard {
  /** Checks the spelling of an address and gives its WHATWG form; throws ERR_REQUEST_INVALID or ERR_REQUEST_REFUSED. */
  checkUrl(url: string): URL;
  /** Throws ERR_REQUEST_REFUSED when this host name may not be reached at this address. */
  checkAddress(hostname: string, address: string): void;
  /** For `net.connect`: resolves once and fails unless every address may be reached. */
  readonly lookup: LookupFunction;
}

const blockedNames = new Set([
  'localhost',
  'localhost.localdomain',
  'ip6-localhost',
  'ip6-loopback',
  'broadcasthost',
  'metadata',
  'metadata.goog',
  'metadata.azure.com',
  'instance-data',
]);
const blockedSuffixes = ['.localhost', '.localdomain', '.local', '.internal'];

interface Allowed {
  readonly ranges: readonly AddressRange[];
  readonly hosts: ReadonlySet<string>;
  /** With the leading dot. */
  readonly suffixes: readonly string[];
}

/**
 * A guard with exceptions: CIDR ranges or addresses, exact host names, and `*.x` for every name below x.
 * A listed name may lie in a private network or on this machine; link-local, metadata and
 * multicast addresses take a range. Throws ERR_CONFIG_INVALID for an entry it cannot read.
 */
export function createAddressGuard(allowed: readonly string[], resolve: Resolve = resolveName): AddressGuard {
  const exceptions = readAllowed(allowed);

  const checkAddress = (hostname: string, address: string): void => {
    const bytes = parseAddress(address);
    if (bytes !== undefined && exceptions.ranges.some((range) => isInRange(bytes, range))) return;
    const kind = bytes === undefined ? 'local' : classifyAddress(bytes);
    if (kind === 'public' || (kind === 'private' && isListedName(canonicalName(hostname), exceptions))) return;
    throw refusal(hostname, `${address} is ${kind}`);
  };

  const lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { family: options.family ?? 0, hints: options.hints ?? 0, all: true }, (error, found) => {
      if (error !== null) return callback(error, '');
      try {
        for (const { address } of found) checkAddress(hostname, address);
      } catch (refused) {
        return callback(refused as NodeJS.ErrnoException, '');
      }
      const [first] = found;
      if (first === undefined) return callback(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '');
      if (options.all === true) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };

  const checkUrl = (text: string): URL => {
    const url = readUrl(text);
    const name = canonicalName(url.hostname);
    if (isIP(name) !== 0) checkAddress(name, name);
    else if (isBlockedName(name) && !isListedName(name, exceptions)) throw refusal(name, 'name of a local service');
    return url;
  };

  return { checkUrl, checkAddress, lookup };
}

/** The WHATWG form of an http or https address without user information; throws ERR_REQUEST_INVALID. The text is never quoted: it may hold credentials. */
export function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) {
    throw new RutterError('ERR_REQUEST_INVALID', 'The address is not a URL. Expected one such as "https://host/path".');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `The address has the scheme "${url.protocol}". Expected "https:" or "http:".`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `The address of ${url.host} holds a user name or password. Expected none; send credentials in a header.`,
    );
  }
  return url;
}

/** Lower case, without the root dot and without the brackets of an IPv6 address. */
function canonicalName(hostname: string): string {
  let end = hostname.length;
  while (hostname[end - 1] === '.') end--;
  const name = hostname.slice(0, end).toLowerCase();
  return name.startsWith('[') ? name.slice(1, -1) : name;
}

const isBlockedName = (name: string): boolean =>
  name === '' || blockedNames.has(name) || blockedSuffixes.some((suffix) => name.endsWith(suffix));

const isListedName = (name: string, { hosts, suffixes }: Allowed): boolean =>
  hosts.has(name) || suffixes.some((suffix) => name.endsWith(suffix));

// What the name resolved to stays in the cause: a caller must not learn addresses of the inner network.
const refusal = (hostname: string, detail: string): RutterError =>
  new RutterError(
    'ERR_REQUEST_REFUSED',
    `The address of "${hostname}" may not be called: it is not public. Expected a public address, or one the operator lists under allowed_addresses.`,
    { cause: new Error(detail) },
  );

function readAllowed(entries: readonly string[]): Allowed {
  const found = { ranges: [] as AddressRange[], hosts: new Set<string>(), suffixes: [] as string[] };
  for (const entry of entries) {
    const text = entry.trim().toLowerCase();
    const range = parseRange(text);
    const name = text.startsWith('*.') ? text.slice(2) : text;
    if (range !== undefined) found.ranges.push(range);
    else if (!isHostName(name)) throw unreadable(entry);
    else if (name === text) found.hosts.add(canonicalName(name));
    else found.suffixes.push(`.${canonicalName(name)}`);
  }
  return found;
}

const isHostName = (text: string): boolean =>
  text.length <= 253 && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/.test(text) && !/^[\d.]+$/.test(text);

const unreadable = (entry: string): RutterError =>
  new RutterError(
    'ERR_CONFIG_INVALID',
    `allowed_addresses holds "${entry}". Expected a range such as "10.0.0.0/8", an address, a host name, or "*.example.com".`,
  );
