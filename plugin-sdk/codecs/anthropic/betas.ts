/**
 * Betas a request needs for what stands in it, beside those the caller names.
 *
 * A beta is only asked for where it is used: a vendor that does not have it
 * refuses the whole request. https://platform.claude.com/docs/en/api/beta-headers
 */
import { isArray, isObject, isString, type JsonObject } from '../values.ts';

/** By the beginning of a tool's type. */
const byTool: readonly (readonly [prefix: string, beta: string])[] = [
  ['computer_20241022', 'computer-use-2024-10-22'],
  ['computer_20250124', 'computer-use-2025-01-24'],
  ['computer_20251124', 'computer-use-2025-11-24'],
  ['code_execution_20250522', 'code-execution-2025-05-22'],
  ['code_execution_20250825', 'code-execution-2025-08-25'],
  ['web_fetch_20250910', 'web-fetch-2025-09-10'],
  ['memory_20250818', 'context-management-2025-06-27'],
  ['tool_search_tool_', 'advanced-tool-use-2025-11-20'],
  ['mcp_toolset', 'mcp-client-2025-11-20'],
];

/** Names for the `anthropic-beta` header, each once, in order. */
export function betasOf(body: JsonObject, named: readonly unknown[]): string[] {
  const { tools, mcp_servers: servers, context_management: management, container, messages, system } = body;
  const found = [
    ...named.filter(isString),
    ...(isArray(tools) ? tools.flatMap(toolBetas) : []),
    ...(isObject(management) ? managementBetas(management) : []),
    ...(isObject(container) && isArray(container.skills) ? ['skills-2025-10-02'] : []),
    ...(hasFile(messages) || hasFile(system) ? ['files-api-2025-04-14'] : []),
  ];
  // Servers without a toolset are what the interface before this one took.
  if (isArray(servers) && servers.length > 0 && !found.includes('mcp-client-2025-11-20'))
    found.push('mcp-client-2025-04-04');
  return [...new Set(found)];
}

function toolBetas(tool: unknown): string[] {
  if (!isObject(tool) || !isString(tool.type)) return [];
  const { type } = tool;
  return byTool.flatMap(([prefix, beta]) => (type.startsWith(prefix) ? [beta] : []));
}

function managementBetas({ edits }: JsonObject): string[] {
  const types = isArray(edits) ? edits.filter(isObject).map(({ type }) => String(type)) : [];
  const compacts = types.some((type) => type.startsWith('compact_'));
  const others = types.length === 0 || types.some((type) => !type.startsWith('compact_'));
  return [...(others ? ['context-management-2025-06-27'] : []), ...(compacts ? ['compact-2026-01-12'] : [])];
}

/** Whether some block, or one in it, is a file of the vendor's store. */
function hasFile(content: unknown): boolean {
  if (isArray(content)) return content.some(hasFile);
  if (!isObject(content)) return false;
  const { source, content: inner } = content;
  return content.type === 'container_upload' || (isObject(source) && source.type === 'file') || hasFile(inner);
}
