/** Whether a body says of itself that it is what a route reads. */
import type { IncomingHttpHeaders } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';

const json = /^(?:application|text)\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const plain = /^text\/plain\s*(?:;|$)/i;

/** Bodies are read as they come: what a coding would unpack to has no bound. Throws ERR_REQUEST_MEDIA_TYPE. */
export function checkCoding(headers: IncomingHttpHeaders): void {
  const coding = headers['content-encoding'];
  if (coding === undefined || coding === '' || coding.toLowerCase() === 'identity') return;
  throw new RutterError(
    'ERR_REQUEST_MEDIA_TYPE',
    `Content-Encoding is ${JSON.stringify(coding.slice(0, 64))}; expected a body without one.`,
    { headers: { 'accept-encoding': 'identity' } },
  );
}

/** No type at all, and text, pass for JSON: many clients never set one. Throws ERR_REQUEST_MEDIA_TYPE. */
export function checkJsonType(headers: IncomingHttpHeaders): void {
  checkCoding(headers);
  const type = headers['content-type'];
  if (type === undefined || type === 'application/json' || type === '' || json.test(type) || plain.test(type)) return;
  throw new RutterError(
    'ERR_REQUEST_MEDIA_TYPE',
    `Content-Type is ${JSON.stringify(type.slice(0, 64))}; expected application/json.`,
  );
}
