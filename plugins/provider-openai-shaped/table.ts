/** The table of vendors as the README prints it. */
import { type Vendor, vendors } from './vendors.ts';

const code = (texts: readonly string[]): string => texts.map((text) => `\`${text}\``).join(', ');

function differences(vendor: Vendor): string {
  const { lacks, lacksOf, limitName, requiredChoice, lacksNamedChoice, historyReasoning, hasOpenAiModels, note } =
    vendor;
  const lacksChoice = [
    ...(requiredChoice === null ? ['`tool_choice: required`'] : []),
    ...(lacksNamedChoice ? ['`tool_choice` of one tool'] : []),
  ];
  const lacked = [...(lacks ?? []).map((name) => code([name])), ...lacksChoice];
  return [
    ...(lacked.length > 0 ? [`no ${lacked.join(', ')}`] : []),
    ...(lacksOf ? [`${lacksOf.what}: no ${code(lacksOf.lacks)}`] : []),
    ...(limitName ? [`limit as \`${limitName}\``] : []),
    ...(requiredChoice ? [`\`required\` as \`${requiredChoice}\``] : []),
    ...(historyReasoning ? [`history’s reasoning as \`${historyReasoning}\``] : []),
    ...(hasOpenAiModels ? ['OpenAI’s rules for its reasoning models'] : []),
    ...(note ? [note] : []),
  ].join('; ');
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export const tableLines = (): readonly string[] => [
  line(['Prefix', 'Vendor', 'Base address', 'Key', 'Base address from', 'Differs']),
  line(['---', '---', '---', '---', '---', '---']),
  ...vendors.map((vendor) =>
    line([
      code(vendor.prefixes),
      vendor.name,
      vendor.origin === '' ? 'each its own' : vendor.origin,
      code(vendor.keys) + (vendor.isKeyOptional ? ', if any' : ''),
      code(vendor.bases),
      differences(vendor),
    ]),
  ),
];
