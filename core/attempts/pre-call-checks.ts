/**
 * The checks of `enable_pre_call_checks`: requests of this minute, the length
 * of the prompt, the region, and what holds a model to a format.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group, Target } from '../pipeline/models.ts';
import { estimatedTokens } from '../pricing/usage.ts';

/** When they leave nobody, a used-up minute is the reason ahead of a region, and that ahead of a prompt that is too long. */
export function passesChecks(call: ModelCall, group: Group, targets: readonly Target[]): readonly Target[] {
  if (targets.length === 0) return targets;
  const withRequests = targets.filter((target) => !isSpent(target));
  const regions = allowedRegions(call);
  const inRegion = regions ? withRequests.filter((target) => isWithin(target, regions)) : withRequests;
  const left = inRegion.filter((target) => !isTooLong(call, target));
  if (left.length > 0) return formatted(call, left);
  if (withRequests.length < targets.length) return left;
  if (inRegion.length === 0) throw outOfRegion(group, regions ?? []);
  const most = Math.max(...inRegion.map(({ deployment }) => Number(deployment.info.max_input_tokens)));
  throw new RutterError(
    'ERR_PROVIDER_CONTEXT_WINDOW',
    `The prompt of about ${estimatedTokens(call.text().length)} tokens exceeds the context window of every deployment of ${group.name}; the longest takes ${most}.`,
  );
}

export const isSpent = ({ deployment: { rpm }, live }: Target): boolean =>
  rpm !== undefined && live.requestsThisMinute >= rpm;

function isTooLong(call: ModelCall, { deployment }: Target): boolean {
  const most = deployment.info.max_input_tokens;
  return typeof most === 'number' && estimatedTokens(call.text().length) > most;
}

/** What the caller's key allows and what the request asks for; both have to hold. */
function allowedRegions({ controls, facts }: ModelCall): readonly (readonly string[])[] | undefined {
  const said = [facts.principal.metadata?.allowed_model_region, controls.rest?.allowed_model_region];
  const lists = said.flatMap((value) => {
    if (value === undefined || value === null) return [];
    const list = Array.isArray(value) ? value : [value];
    if (list.length === 0 || !list.every((region) => typeof region === 'string'))
      throw new RutterError(
        'ERR_REQUEST_INVALID',
        'allowed_model_region: expected a region such as eu or us-east-1, or a list of them.',
        { param: 'allowed_model_region' },
      );
    return [list as readonly string[]];
  });
  return lists.length > 0 ? lists : undefined;
}

/** One whose region is not known is in none. */
function isWithin(target: Target, regions: readonly (readonly string[])[]): boolean {
  const region = regionOf(target);
  return region !== undefined && regions.every((list) => list.some((allowed) => covers(allowed, region)));
}

/** Names under which vendors' settings hold a region. */
const regionSettings = ['region_name', 'aws_region_name', 'vertex_location', 'watsonx_region_name'];

function regionOf({ settings: { params } }: Target): string | undefined {
  for (const name of regionSettings) if (typeof params[name] === 'string') return params[name].toLowerCase();
  return undefined;
}

/** Regions of Azure within the European Union and the United States, which their names do not begin with. */
const unions: Readonly<Record<string, RegExp>> = {
  eu: /^(eu|europe)(-|$)|^(northeurope|westeurope|francecentral|francesouth|germany(north|westcentral)|swedencentral|swedensouth|italynorth|polandcentral|spaincentral|austriaeast|denmarkeast|belgiumcentral|finlandcentral|greececentral)$/,
  us: /^us(-|$)|^(((north|south|west)?central|east|west)us\d*)$/,
};

/** `eu` and `us` cover the regions within them, and every name the regions that begin with it. */
const covers = (allowed: string, region: string): boolean => {
  const name = allowed.toLowerCase();
  return region === name || region.startsWith(`${name}-`) || (unions[name]?.test(region) ?? false);
};

const outOfRegion = (group: Group, regions: readonly (readonly string[])[]) =>
  new RutterError(
    'ERR_ROUTE_NO_DEPLOYMENT',
    `No deployments available for selected model: none of ${group.name} is in region ${regions.map((list) => list.join(' or ')).join(' and ')}. Set "region_name" on those that are.`,
  );

/** Those that take the format themselves go ahead of those that have to be brought to it; with `drop_params` it does not matter. */
function formatted(call: ModelCall, targets: readonly Target[]): readonly Target[] {
  if (targets.length < 2 || !call.wire.chat || call.body.fields.response_format === undefined) return targets;
  const request = call.chat();
  if (request.responseFormat === undefined || request.responseFormat.type === 'text') return targets;
  const native = targets.filter(
    ({ deployment, provider }) =>
      deployment.params.drop_params === true ||
      (deployment.info.supports_response_schema !== false &&
        (provider.chat?.structured?.(deployment, request) ?? 'native') === 'native'),
  );
  return native.length > 0 ? native : targets;
}
