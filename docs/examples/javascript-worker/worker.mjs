// A whole worker in JavaScript: every rule of docs/protocol.md, checked by `stretto check-worker`.
//   npm install && node worker.mjs            (STRETTO_NATS_URL, QUEUE and NAME say where and who)
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, nanos } from '@nats-io/transport-node';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
const { STRETTO_NATS_URL: servers = 'nats://127.0.0.1:4222', QUEUE = 'js', NAME = `js-${process.pid}` } = process.env;
const SLOTS = 20, INLINE = 256 * 1024, REMEMBERED = 10_000, DURABLE = `work-default-${QUEUE}`;
const handlers = { // (input, signal) -> output, or throw
  'greet.shout': ({ name }) => ({ text: `${name}!`.toUpperCase() }),
  'check.echo': (input) => input, 'check.large': ({ bytes }) => ({ text: 'x'.repeat(bytes) }), // for the check
  'check.sleep': ({ ms }, signal) => sleep(ms, { slept: ms }, { signal }), 'check.fail': () => unknown('nothing'),
};
const nc = await connect({ servers, name: NAME, maxReconnectAttempts: -1 });
const js = jetstream(nc), jsm = await jetstreamManager(nc), store = await new Objm(nc).open('stretto-payloads');
await jsm.consumers.info('STRETTO_WORK', DURABLE).catch(() => jsm.consumers.add('STRETTO_WORK', { max_deliver: -1,
  durable_name: DURABLE, ack_policy: 'explicit', ack_wait: nanos(10_000), filter_subject: `stretto.work.default.${QUEUE}` }));
const consumer = await js.consumers.get('STRETTO_WORK', DURABLE);
const running = new Map(), answered = new Map(); // id -> what stops it; id -> when it is answered
const unknown = (name) => { throw Object.assign(new Error(`no handler for ${name}`), { name: 'UnknownTask' }); };
const say = (subject, value) => nc.publish(subject, JSON.stringify(value));
async function received(input, run_id) { // every {"$payload"} replaced by what it stands for
  let text = JSON.stringify(input);
  for (const [ref, payload] of text.matchAll(/\{"\$payload":"([0-9a-f]{64})","bytes":\d+\}/g)) {
    if (!await store.info(payload)) await nc.request('stretto.api.workflow.payload', JSON.stringify({ run_id, payload }));
    text = text.replaceAll(ref, Buffer.from(await store.getBlob(payload)).toString());
  }
  return JSON.parse(text);
}
async function sent(output) { // large values go by reference
  const data = Buffer.from(JSON.stringify(output ?? null)), name = createHash('sha256').update(data).digest('hex');
  if (data.length <= INLINE) return output ?? null;
  await store.putBlob({ name }, data);
  return { $payload: name, bytes: data.length };
}
async function attempt(task) {
  const { id, run_id, reply } = task, stop = new AbortController(), started_at = new Date().toISOString();
  running.set(id, stop);
  const beat = () => say(`stretto.progress.default.${run_id}`, { id, worker: NAME });
  const pulse = task.heartbeat_s && (beat(), setInterval(beat, task.heartbeat_s * 333));
  let result;
  try {
    const handler = handlers[task.task] ?? unknown(task.task);
    result = { status: 'completed', output: await sent(await handler(await received(task.input, run_id), stop.signal)) };
  } catch (e) {
    result = { status: 'failed', failure: { type: stop.signal.aborted ? 'Cancelled' : e.name, message: e.message, retryable: true } };
  }
  clearInterval(pulse);
  Object.assign(result, { id, worker: NAME, started_at, finished_at: new Date().toISOString() });
  await js.publish(reply, JSON.stringify({ results: [result] }));
  running.delete(id);
}
function once(task) { // an attempt that comes twice is done once; what could not be answered, when it comes again
  if (task.accept) say(task.reply, { accepted: task.id, worker: NAME }); // at once: to a device it is sent until then
  const forget = (error) => { answered.delete(task.id); throw error; };
  if (!answered.has(task.id)) answered.set(task.id, attempt(task).catch(forget));
  if (answered.size > REMEMBERED) answered.delete(answered.keys().next().value);
  return answered.get(task.id);
}
const read = (m) => { try { const { tasks } = m.json(); return Array.isArray(tasks) ? tasks : null; } catch { return null; } };
async function work(m) { // acknowledged when all results are stored, not before; put away when it is no work
  const tasks = read(m), held = setInterval(() => m.working(), 3_000);
  await (tasks ? Promise.all(tasks.map(once)).then(() => m.ack(), console.error) : m.term());
  clearInterval(held);
}
for (const place of [QUEUE, NAME]) nc.subscribe(`stretto.withdraw.default.${place}`, {
  callback: (_, m) => { try { m.json().ids.forEach((id) => running.get(id)?.abort()); } catch { /* no withdrawal */ } } });
nc.subscribe(`stretto.device.default.${NAME}`, {
  callback: (_, m) => read(m)?.forEach((task) => once(task).catch(console.error)) });
const presence = (gone) => say(`stretto.presence.default.${NAME}`,
  { device: NAME, queue: QUEUE, tasks: Object.keys(handlers), slots: SLOTS, busy: running.size, gone });
presence(false), setInterval(() => presence(false), 3_000);
let stopping = false; process.on('SIGTERM', () => { stopping = true; });
while (!stopping) { // no more than there are slots for
  const m = running.size < SLOTS ? await consumer.next({ expires: 1_000 }).catch(() => sleep(200)) : await sleep(20);
  if (m) work(m);
}
await Promise.allSettled(answered.values()); // what runs ends first
presence(true), await nc.drain(), process.exit(0);
