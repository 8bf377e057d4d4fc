import { describe } from 'vitest';
import { brokenPlugins } from './broken-plugins.ts';
import { itRefuses } from './refusals.ts';

describe('a running gateway', () => itRefuses(brokenPlugins));
