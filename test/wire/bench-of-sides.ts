/** Every simulated vendor behind one gateway, and a server of pictures beside them. */
import {
  type Gateway,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
} from '../support/index.ts';
import { byAnswerTool } from './answer-tool.ts';
import { pixel } from './scenarios.ts';
import { sides } from './sides/index.ts';
import type { Side } from './sides/side.ts';
import type { Truth } from './truth.ts';
import { once } from './vendors.ts';

export interface Bench {
  readonly gateway: Gateway;
  readonly pictures: Vendor;
  readonly vendors: ReadonlyMap<Side, Vendor>;
}

/** Answers as a side does while its model says `truth`; a request the vendor would refuse is answered 400. */
export const saying =
  (side: Side, truth: Truth): VendorHandler =>
  (exchange) => {
    const { request, response } = exchange;
    const complaints = side.complaints(request);
    if (complaints.length > 0)
      return sendJson(response, 400, { error: { message: complaints.join('; '), type: 'wrong' } });
    return sayingAnyway(side, truth)(exchange);
  };

/** The same, whatever is asked. */
export const sayingAnyway =
  (side: Side, truth: Truth): VendorHandler =>
  (exchange) => {
    const { request, response } = exchange;
    const said = byAnswerTool(truth, side.asked(request));
    if (!side.isStream(request)) return sendJson(response, 200, side.whole(said, request) as object);
    return sendPieces(side, side.pieces(said, request))(exchange);
  };

/** A stream of these pieces. */
export const sendPieces =
  ({ contentType }: Pick<Side, 'contentType'>, pieces: Iterable<string | Buffer>): VendorHandler =>
  ({ response }) => {
    response.writeHead(200, { 'content-type': contentType });
    for (const piece of pieces) response.write(piece);
    response.end();
  };

const picture: VendorHandler = ({ response }) => {
  response.writeHead(200, { 'content-type': 'image/png' });
  response.end(Buffer.from(pixel, 'base64'));
};

/** The group of a side whose deployment drops what its vendor does not take. */
export const lenient = ({ group }: Side): string => `${group}-lenient`;

/** `more` are parameters of every deployment beside its own. */
export async function startSides(more: object = {}): Promise<Bench> {
  const [pictures, ...started] = await Promise.all([startVendor(picture), ...sides.map(() => startVendor(() => {}))]);
  const vendors = new Map(sides.map((side, index) => [side, started[index]!]));
  const model_list = [...vendors].flatMap(([side, { url }]) => {
    const params = { model: side.model, ...side.params(url), ...more };
    return [
      { model_name: side.group, litellm_params: params },
      { model_name: lenient(side), litellm_params: { ...params, drop_params: true } },
    ];
  });
  const gateway = await startGateway({
    config: { model_list, router_settings: once, general_settings: { allowed_addresses: ['127.0.0.1'] } },
  });
  return { gateway, pictures: pictures!, vendors };
}
