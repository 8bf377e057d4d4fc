/**
 * Amazon Bedrock's end of the wire, made with AWS's own libraries: frames by
 * their event-stream codec, and signatures checked by their signer. Exchanges
 * are written after the API reference of Converse and InvokeModel.
 */
import { createHash, createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { sendJson, type VendorExchange, type VendorRequest } from '../support/index.ts';

// Their ES modules are for bundlers: Node does not find the files they import.
const load = createRequire(import.meta.url);
const { EventStreamCodec }: typeof import('@smithy/eventstream-codec') = load('@smithy/eventstream-codec');
const { SignatureV4 }: typeof import('@smithy/signature-v4') = load('@smithy/signature-v4');

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString('utf8'),
  (text) => Buffer.from(text, 'utf8'),
);

const text = (value: string) => ({ type: 'string' as const, value });

/** One message of a stream, as the service frames it. */
export function frame(event: string, payload: object, kind: 'event' | 'exception' = 'event'): Buffer {
  const headers = {
    [`:${kind}-type`]: text(event),
    ':content-type': text('application/json'),
    ':message-type': text(kind),
  };
  return Buffer.from(codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) }));
}

/** An event of the Messages API inside a frame of InvokeModelWithResponseStream. */
export const chunk = (event: object): Buffer =>
  frame('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64'), p: 'abcdefghij' });

export function sendFrames({ response }: VendorExchange, frames: readonly Buffer[]): void {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream', 'x-amzn-requestid': 'aws-1' });
  for (const each of frames) response.write(each);
  response.end();
}

/** An error as Bedrock answers it: the class in a header, the words in the body. */
export const sendFault = ({ response }: VendorExchange, status: number, type: string, body: object): void =>
  sendJson(response, status, body, {
    'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/`,
    'x-amzn-requestid': 'aws-2',
  });

/** SHA-256, and HMAC of it where there is a key, in the shape that the signer asks for. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = ArrayBuffer.isView(secret)
      ? Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
      : secret instanceof ArrayBuffer
        ? Buffer.from(secret)
        : secret;
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

export interface Issued {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const authorizationForm =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/;

/** Who signed a request and for where; throws where AWS's signer arrives at another signature for the same request. */
export async function signerOf(
  request: VendorRequest,
  credentials: Issued,
): Promise<{ readonly key: string; readonly region: string; readonly service: string; readonly signed: string[] }> {
  const { authorization = '' } = request.headers;
  const found = authorizationForm.exec(authorization);
  if (found === null) throw new Error(`no signature in ${JSON.stringify(authorization)}`);
  const [, key = '', region = '', service = '', names = ''] = found;
  const signed = names.split(';');
  const date = String(request.headers['x-amz-date']);
  const signer = new SignatureV4({ credentials, region, service, sha256: Sha256, applyChecksum: false });
  const [path = '', query = ''] = request.path.split('?');
  const again = await signer.sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname: String(request.headers.host),
      path,
      query: Object.fromEntries(new URLSearchParams(query)),
      headers: Object.fromEntries(signed.map((name) => [name, String(request.headers[name])])),
      body: request.body,
    },
    { signingDate: new Date(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')) },
  );
  if (again.headers.authorization !== authorization)
    throw new Error(`AWS's signer has ${again.headers.authorization}, found ${authorization}`);
  return { key, region, service, signed };
}
