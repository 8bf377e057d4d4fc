/** OpenAI, and its models at Azure. */
import { azureEvents, azureWhole } from '../azure-side.ts';
import { includesUsage } from '../vendors.ts';
import { base, chatFields, fault, faults, messageFields, noErrorFlag, params, sound } from './openai-shape.ts';
import { bodyOf, type Fault, type Side, unmarked, unsealed } from './side.ts';

export const openAi: Side = {
  ...base,
  title: 'OpenAI',
  group: 'openai',
  model: 'openai/gpt-4.1',
  params: params('/v1'),
  // The bytes of the caller's own dialect pass, and with them what it knows of other vendors.
  complaints: (request) => sound(request, chatFields, `${messageFields} is_error reasoning_content`),
  limits: [unsealed],
};

const azureFault = (status: number, code: string, message: string): Fault => fault(status, message, code, '');

export const azure: Side = {
  ...base,
  title: 'Azure OpenAI',
  group: 'azure',
  model: 'azure/gpt-4.1',
  params: params(),
  whole: (truth, request) => azureWhole(truth, bodyOf(request).model),
  pieces: (truth, request) => azureEvents(truth, bodyOf(request).model, includesUsage(bodyOf(request))),
  complaints: (request) => sound(request, chatFields, messageFields),
  faults: {
    key: azureFault(401, '401', 'Access denied due to invalid subscription key or wrong API endpoint.'),
    permission: azureFault(403, '403', 'Access denied due to Virtual Network/Firewall rules.'),
    model: azureFault(404, 'DeploymentNotFound', 'The API deployment for this resource does not exist.'),
    timeout: azureFault(408, 'Timeout', 'The operation was timeout.'),
    rate: azureFault(429, '429', 'Requests have exceeded token rate limit of your current pricing tier.'),
    internal: azureFault(500, 'InternalServerError', 'The server had an error.'),
    overloaded: azureFault(503, 'ServiceUnavailable', 'The service is temporarily unable to process your request.'),
    context: faults.context,
    policy: {
      status: 400,
      body: {
        error: {
          message: 'The response was filtered due to the prompt triggering Azure OpenAI’s content management policy.',
          type: null,
          param: 'prompt',
          code: 'content_filter',
          status: 400,
          innererror: { code: 'ResponsibleAIPolicyViolation', content_filter_result: {} },
        },
      },
    },
  },
  thoughts: 'none',
  limits: [noErrorFlag, unmarked, unsealed],
};
