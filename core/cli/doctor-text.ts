/** A doctor's report in words. */
import type { CredentialState } from '../upstream/auth/credential-state.ts';
import { type DoctorDeployment, type DoctorReport, sampleUsage } from './doctor-report.ts';

export function doctorText(report: DoctorReport): string {
  const { problems, ignored, missingVariables, models, leftOut, differences, live } = report;
  const places = (place: { file: string; line: number; path: string }) => `${place.file}:${place.line} ${place.path}`;
  const parts = [
    section(
      'Problems',
      problems.map(({ severity, message, place }) => `${severity}  ${places(place)}: ${message}`),
    ),
    section(
      'Models',
      models.flatMap(({ name, kind, sample, deployments }) => [
        `${name}${kind === 'group' ? '' : ` (${kind})`}${sample === undefined ? '' : `, for instance ${sample}`}`,
        ...(deployments.length === 0 ? ['  calls nothing'] : deployments.map((one) => `  ${deploymentText(one)}`)),
      ]),
    ),
    section(
      'Left out',
      leftOut.map(({ name, place, reason }) => `${name}: ${places(place)}: ${reason}`),
    ),
    section(
      'Variables that are not set',
      missingVariables.map(({ name, for: uses }) => `${name || 'a reference without a name'}: ${uses.join(', ')}`),
    ),
    section(
      'Without effect',
      ignored.map(({ message, place }) => `${places(place)}: ${message}`),
    ),
    section(
      'Different from LiteLLM',
      differences.map(({ topic, litellm, here }) => `${topic}. LiteLLM: ${litellm} Here: ${here}`),
    ),
    live === undefined
      ? ''
      : section(
          'Called once',
          live.map(({ group, id, error, ms }) => `${group} (${id}): ${error ?? `answered after ${ms} ms`}`),
        ),
  ];
  const end = report.wouldStart ? 'It would start.' : 'It would not start.';
  return `${parts.filter((part) => part !== '').join('\n')}${parts.some((part) => part !== '') ? '\n' : ''}${end}\n`;
}

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;

function deploymentText({
  id,
  provider,
  model,
  address,
  credential,
  sampleUsd,
  priceSource,
}: DoctorDeployment): string {
  const price =
    sampleUsd === undefined
      ? 'price unknown'
      : `$${sampleUsd} for ${sampleUsage.input} + ${sampleUsage.output} tokens (${priceSource})`;
  return `→ ${provider}/${model} at ${address} [${id}]; key: ${credentialText(credential)}; ${price}`;
}

function credentialText(credential: CredentialState): string {
  switch (credential.state) {
    case 'environment':
      return `from ${credential.variables.join(' or ')}`;
    case 'missing':
      return `missing${credential.variables.length === 0 ? '' : `, expected ${credential.variables.join(' or ')}`}`;
    case 'when called':
      return `${credential.scheme}, found when it is called`;
    default:
      return credential.state;
  }
}
