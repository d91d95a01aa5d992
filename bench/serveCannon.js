/** Clients for serve.js: `node serveCannon.js URL photos|faces CLIENTS SECONDS` prints pictures a second and latencies as JSON. */
import autocannon from 'autocannon';
import { pictures } from './serveRequests.js';

const [url = '', what = '', connections = '', seconds = ''] = process.argv.slice(2);
const path = `/v1/predict${what === 'faces' ? '?aligned=true' : ''}`;
const requests = pictures(/** @type {'photos' | 'faces'} */ (what)).map(({ bytes }) => ({
  method: /** @type {const} */ ('POST'),
  path,
  headers: { 'content-type': 'image/jpeg' },
  body: bytes,
}));
const ask = (/** @type {number} */ duration) =>
  autocannon({ url, connections: Number(connections), duration, requests, timeout: 60 });
await ask(1);
const result = await ask(Number(seconds));
const wrong = result.non2xx + result.errors + result.timeouts;
if (wrong > 0) throw new Error(`${wrong} of ${result.requests.total} requests were not answered well`);
const { p50, p99 } = result.latency;
console.log(JSON.stringify({ perSecond: result['2xx'] / result.duration, p50, p99 }));
