/**
 * Signatures of tool calls, kept inside the call's id.
 *
 * Gemini signs its tool calls and refuses a history without the signatures.
 * Clients keep the id of a call whatever else they drop, so that it carries
 * the signature there and back; other vendors are shown the id without it.
 */

const mark = '__thought__';
/** For a signature that is not base64, against the documentation. */
const textMark = '__thoughttext__';
const signedId = /^(.*?)__thought(text)?__([A-Za-z0-9_+/-]*)={0,2}$/s;

const toUrl = (base64: string) => base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

function fromUrl(text: string): string {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return base64.padEnd(Math.ceil(base64.length / 4) * 4, '=');
}

/** The id with the signature in it, in the characters that all vendors allow in ids. */
export function signCallId(id: string, signature: string): string {
  const short = toUrl(signature);
  if (/^[\w-]*$/.test(short) && fromUrl(short) === signature) return `${id}${mark}${short}`;
  return `${id}${textMark}${Buffer.from(signature, 'utf8').toString('base64url')}`;
}

/** Parts an id again; `signature` as it was given, undefined where the id carries none. */
export function splitCallId(id: string): { readonly id: string; readonly signature: string | undefined } {
  const found = id.includes('__thought') ? signedId.exec(id) : null;
  if (found === null) return { id, signature: undefined };
  const [, plain = '', isText, encoded = ''] = found;
  if (encoded === '') return { id: plain, signature: undefined };
  const signature = isText === undefined ? fromUrl(encoded) : Buffer.from(encoded, 'base64url').toString('utf8');
  return { id: plain, signature };
}

/** The id as vendors other than its own are shown it. */
export const plainCallId = (id: string): string => splitCallId(id).id;
