/** The LiteLLM example with its vendors simulated: files as they ship, addresses and keys by the environment alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { anthropicVendor, openAiVendor, root, startVendor, type Vendor } from '../support/index.ts';

export const folder = join(root, 'examples/litellm-config');
export const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
export const masterKey = 'sk-master-of-the-example';

const names = ['openai', 'azureEu', 'azureUs', 'anthropic', 'mistral', 'groq'] as const;
export type VendorName = (typeof names)[number];

export async function exampleVendors(): Promise<Record<VendorName, Vendor>> {
  const started = await Promise.all(
    names.map((name) =>
      startVendor(name === 'anthropic' ? anthropicVendor({ reply: name }) : openAiVendor({ reply: name })),
    ),
  );
  return Object.fromEntries(names.map((name, index) => [name, started[index]])) as Record<VendorName, Vendor>;
}

export function variables(vendors: Record<VendorName, Vendor>): Record<string, string> {
  return {
    LITELLM_MASTER_KEY: masterKey,
    LITELLM_ENVIRONMENT: 'production',
    OPENAI_API_BASE: `${vendors.openai.url}/v1`,
    OPENAI_API_KEY: 'sk-openai-main',
    OPENAI_BATCH_API_KEY: 'sk-openai-batch',
    AZURE_EU_API_BASE: vendors.azureEu.url,
    AZURE_EU_API_KEY: 'azure-eu-key',
    AZURE_US_API_BASE: vendors.azureUs.url,
    AZURE_US_API_KEY: 'azure-us-key',
    ANTHROPIC_API_BASE: vendors.anthropic.url,
    ANTHROPIC_API_KEY: 'anthropic-key',
    MISTRAL_API_BASE: `${vendors.mistral.url}/v1`,
    MISTRAL_API_KEY: 'mistral-key',
    GROQ_API_BASE: `${vendors.groq.url}/openai/v1`,
    GROQ_API_KEY: 'groq-key',
  };
}
