/** What `general_settings` says of the kernel. */
import { dirname, resolve } from 'node:path';
import type { ReadBlock } from './block-reader.ts';
import type { KernelSettings } from './types.ts';

const bytesPerMib = 1024 * 1024;

export function kernelSettings(general: ReadBlock | undefined): KernelSettings {
  const value = <T>(name: string): T | undefined => general?.values.get(name) as T | undefined;
  const requestMib = value<number>('max_request_size_mb');
  const multipartMib = value<number>('max_multipart_size_mb') ?? requestMib ?? 512;
  return {
    maxConcurrentRequests: value('max_concurrent_requests') ?? value('global_max_parallel_requests'),
    maxRequestBytes: Math.floor((requestMib ?? 32) * bytesPerMib),
    maxMultipartBytes: Math.floor(multipartMib * bytesPerMib),
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
    retryBudget: value('retry_budget') ?? 0.2,
  };
}

/** Relative to the file that names it. */
function pluginFolder(general: ReadBlock | undefined): string | undefined {
  const folder = general?.values.get('plugin_folder');
  const entry = general?.tree.entries.get('plugin_folder');
  return typeof folder === 'string' && entry !== undefined ? resolve(dirname(entry.spot.file), folder) : undefined;
}
