/** The floor: a bare `node:http` server that pipes each request into undici and the reply back, unread. */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

// The kernel's own copy of the packages: the comparison is one of code, not of versions.
const { Pool } = createRequire(new URL('../../core/package.json', import.meta.url))('undici');
const pool = new Pool(process.env.VENDOR, { connections: 1024, pipelining: 1 });
const perHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'upgrade', 'te', 'trailer']);
const endToEnd = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => !perHop.has(name)));

createServer(async (request, response) => {
  try {
    const { url: path, method, headers } = request;
    const reply = await pool.request({ path, method, headers: endToEnd(headers), body: request });
    response.writeHead(reply.statusCode, endToEnd(reply.headers));
    reply.body.on('error', () => response.destroy()).pipe(response);
    response.once('close', () => reply.body.destroy());
  } catch (error) {
    if (!response.headersSent) response.writeHead(502);
    response.end(error.message);
  }
}).listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 });
