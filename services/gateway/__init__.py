"""The gateway: HTTP and WebSocket in front of the bus, and the page. It keeps no state.

::

    browser, curl ──► Shield (limits, headers, who may) ──► routes ──► bus (start, control, api.*)
         ▲                                                    │
         └──── WebSocket, server-sent events ◄── Relay ◄──────┘ stretto.events.* (core NATS)

Invariants

1. A request costs bounded memory: bodies of at most 1 MiB, pages of at most 1,000 rows, streams
   that drop to a `lagged` notice rather than buffer.
2. What a service answers is passed on as it came; payloads are not decoded on the way.
3. Errors are RFC 9457 problems with our codes; what went wrong inside is logged, not told.
4. Without tokens it serves this machine only, and only pages that it served itself.
"""
