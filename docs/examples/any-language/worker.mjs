// A worker without an SDK and without a NATS library: Node.js and a TCP socket, the NATS protocol
// by hand. It registers a workflow, starts a run of it and does its work.
//
//   node worker.mjs nats://127.0.0.1:4222
//
// See docs/protocol.md for what each message is.
import net from 'node:net';
import { randomUUID } from 'node:crypto';

const { hostname, port } = new URL(process.argv[2] ?? 'nats://127.0.0.1:4222');
const QUEUE = 'raw';
const INBOX = `_INBOX.${randomUUID()}`;
const CONSUMER = `work-default-${QUEUE}`;
const DEFINITION = `
workflow: raw-greeting
steps:
  greet: {task: greet.shout, queue: ${QUEUE}, with: {name: "\${{ input.name }}"}}
output: {text: "\${{ steps.greet.output.text }}"}
`;

const socket = net.connect(Number(port || 4222), hostname);
const waiting = new Map(); // subject -> what to do with a message
let buffer = Buffer.alloc(0);

const publish = (subject, payload, reply = '') =>
  socket.write(`PUB ${subject} ${reply} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`);

const request = (subject, payload) =>
  new Promise((resolve) => {
    const inbox = `${INBOX}.${randomUUID()}`;
    waiting.set(inbox, (text) => { waiting.delete(inbox); resolve(text); });
    publish(subject, payload, inbox);
  });

const pull = () => publish(`$JS.API.CONSUMER.MSG.NEXT.STRETTO_WORK.${CONSUMER}`,
  JSON.stringify({ batch: 1, expires: 5_000_000_000 }), `${INBOX}-work`);

function work(text, ack) {
  const { tasks } = text ? JSON.parse(text) : { tasks: [] };
  for (const task of tasks) {
    const result = { id: task.id, status: 'completed', worker: 'raw.mjs',
      output: { text: `${task.input.name}!`.toUpperCase() } };
    publish(task.reply, JSON.stringify({ results: [result] }));
  }
  if (tasks.length) publish(ack, '+ACK');
  else pull(); // the request expired: ask again
}

function read() { // MSG and HMSG, as many as are there
  for (;;) {
    const end = buffer.indexOf('\r\n');
    if (end < 0) return;
    const words = buffer.subarray(0, end).toString().split(' ');
    if (words[0] !== 'MSG' && words[0] !== 'HMSG') {
      if (words[0] === 'PING') socket.write('PONG\r\n');
      if (words[0] === '-ERR') throw new Error(words.join(' '));
      buffer = buffer.subarray(end + 2);
      continue;
    }
    const size = Number(words.at(-1));
    const headers = words[0] === 'HMSG' ? Number(words.at(-2)) : 0;
    if (buffer.length < end + 2 + size + 2) return;
    const payload = buffer.subarray(end + 2 + headers, end + 2 + size).toString();
    const reply = words.length > (headers ? 5 : 4) ? words[3] : '';
    buffer = buffer.subarray(end + 2 + size + 2);
    // Pulled messages keep their own subject: the number of the subscription tells them apart.
    if (words[2] === '3') work(payload, reply);
    else if (words[2] === '2') closed(JSON.parse(payload));
    else waiting.get(words[1])?.(payload);
  }
}

const runId = randomUUID();
function closed(end) {
  if (end.run_id !== runId) return;
  console.log(JSON.stringify(end));
  process.exit(end.status === 'completed' ? 0 : 1);
}

socket.on('data', (chunk) => { buffer = Buffer.concat([buffer, chunk]); read(); });
socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n');
socket.write(`SUB ${INBOX}.> 1\r\nSUB stretto.closed.default.raw-greeting.* 2\r\nSUB ${INBOX}-work 3\r\n`);
await request(`$JS.API.CONSUMER.CREATE.STRETTO_WORK.${CONSUMER}`, JSON.stringify({
  stream_name: 'STRETTO_WORK', action: '',
  config: { durable_name: CONSUMER, ack_policy: 'explicit', ack_wait: 10_000_000_000,
    filter_subject: `stretto.work.default.${QUEUE}`, max_deliver: -1 } }));
console.log(await request('stretto.definitions.default', DEFINITION));
await request('stretto.start.default.raw-greeting',
  JSON.stringify({ run_id: runId, input: { name: 'ada' } }));
pull();
