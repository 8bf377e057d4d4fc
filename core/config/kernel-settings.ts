/** What `general_settings` says of the kernel. */
import { dirname, resolve } from 'node:path';
import type { ReadBlock } from './block-reader.ts';
import { callerSettings } from './caller-settings.ts';
import type { References } from './environment.ts';
import { entryOf } from './tree.ts';
import type { KernelSettings, TlsSettings } from './types.ts';

const bytesPerMib = 1024 * 1024;

export function kernelSettings(
  general: ReadBlock | undefined,
  litellm: ReadBlock | undefined,
  references: Pick<References, 'variable'>,
): KernelSettings {
  const value = <T>(name: string): T | undefined => general?.values.get(name) as T | undefined;
  const requestMib = value<number>('max_request_size_mb');
  const multipartMib = value<number>('max_multipart_size_mb') ?? requestMib ?? 512;
  return {
    maxConcurrentRequests: value('max_concurrent_requests') ?? value('global_max_parallel_requests'),
    maxRequestBytes: Math.floor((requestMib ?? 32) * bytesPerMib),
    maxMultipartBytes: Math.floor(multipartMib * bytesPerMib),
    sourcePollMs: value('source_poll_interval') ?? 30_000,
    drainMs: value('drain_timeout') ?? 600_000,
    connectTimeoutMs: value('connect_timeout') ?? 5_000,
    interTokenTimeoutMs: value('inter_token_timeout') ?? 120_000,
    keepAliveMs: value('keep_alive_interval') ?? 15_000,
    bodyTimeoutMs: value('body_timeout') ?? 30_000,
    keyHeader: value<string>('litellm_key_header_name')?.toLowerCase(),
    pluginFolder: pluginFolder(general),
    allowedAddresses: value('allowed_addresses') ?? [],
    mockTestingAllowed: value('dangerously_allow_mock_testing_request_params') ?? false,
    alwaysIncludeStreamUsage: value('always_include_stream_usage') ?? false,
    forwardClientHeaders: value('forward_client_headers_to_llm_api') ?? false,
    callers: callerSettings(general, litellm),
    healthIntervalMs:
      value('background_health_checks') === true ? (value('health_check_interval') ?? 300_000) : undefined,
    showsHealthDetails: value('health_check_details') ?? true,
    tls: tlsSettings(litellm, references),
    forwardsTrace: (litellm?.values.get('forward_traceparent_to_llm_provider') as boolean | undefined) ?? true,
    maxReplyBytes: Math.floor((value<number>('max_response_size_mb') ?? 128) * bytesPerMib),
    retryBudget: value('retry_budget') ?? 0.2,
  };
}

/** Relative to the file that names it. */
function pluginFolder(general: ReadBlock | undefined): string | undefined {
  const folder = general?.values.get('plugin_folder');
  const entry = general?.tree.entries.get('plugin_folder');
  return typeof folder === 'string' && entry !== undefined ? resolve(dirname(entry.spot.file), folder) : undefined;
}

/** LiteLLM takes what the file leaves out from SSL_VERIFY and SSL_CERTIFICATE. */
function tlsSettings(litellm: ReadBlock | undefined, references: Pick<References, 'variable'>): TlsSettings {
  const said = litellm?.values.get('ssl_verify') ?? references.variable('SSL_VERIFY');
  const verify = typeof said === 'string' ? said.trim() : said;
  const isSwitch = typeof verify !== 'string' || /^(true|false|yes|no|on|off)$/i.test(verify);
  const isOff = verify === false || (typeof verify === 'string' && /^(false|no|off)$/i.test(verify));
  return {
    verifies: !isOff,
    authorityFile: isSwitch || verify === '' ? undefined : fileOf(litellm, 'ssl_verify', verify),
    certificateFile: fileOf(
      litellm,
      'ssl_certificate',
      litellm?.values.get('ssl_certificate') ?? references.variable('SSL_CERTIFICATE'),
    ),
    isIpv4Only: litellm?.values.get('force_ipv4') === true,
  };
}

/** Relative to the file that names it, else to the folder of the process. */
function fileOf(block: ReadBlock | undefined, key: string, path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return undefined;
  const entry = entryOf(block?.tree, key);
  return entry === undefined ? resolve(path) : resolve(dirname(entry.spot.file), path);
}
