"""The bus: JetStream at the cost of a plain connection.

What it owns: the connection, streams and consumers as data, publishing with acknowledgement,
pulling in batches, dead letters, request/reply, discoverable services.

::

    Connection ──── Publisher      publish with acknowledgement; window, retries, one reply inbox
        │     ├──── PullLoop       a pull outstanding at all times; natural batches of Message
        │     ├──── StoreWatch     notices that streams were lost or made again
        │     ├──── Service        operations for request/reply, discoverable ($SRV)
        │     └──── request()      one inbox for all requests
        └ nats_core                the one place that knows the insides of nats-py

1. Nothing is lost that was acknowledged: a publish is retried with the same id until its deadline.
2. Nothing is acknowledged for another store: after a reconnect acknowledgements wait until the
   consumer is known to be the same one.
3. Every buffer, window and wait has a limit.
4. Reconnects go on for ever; every part recovers by itself.

nats-py keeps what is hard and rare (TLS, credentials, reconnects, clusters); what is frequent
(parsing messages, publishing, acknowledging) is ours, because its way costs several times more.
"""

from stretto.bus.websocket import hold_off

hold_off()
