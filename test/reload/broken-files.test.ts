import { describe } from 'vitest';
import { brokenFiles } from './broken-files.ts';
import { itRefuses } from './refusals.ts';

describe('a running gateway', () => itRefuses(brokenFiles));
