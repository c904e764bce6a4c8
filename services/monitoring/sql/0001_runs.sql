-- What lists and pages show of each run; rebuilt from the log at any time.

create schema if not exists monitoring;

create table monitoring.run (
    run_id     uuid        not null primary key,
    namespace  text        not null,
    workflow   text        not null,
    version    int         not null,
    caller_id  text,
    labels     jsonb       not null,
    status     text        not null,
    started_at timestamptz not null,
    closed_at  timestamptz,
    last_seq   int         not null,
    counts     jsonb       not null,   -- its steps by status: {"completed": 3, "open": 1}
    failure    jsonb,
    steps_seq  int,                    -- `steps` is what they were after this event
    steps      json                    -- arrays, see core/projection.py; null while the run is open
                                       -- and in memory. Not jsonb: that costs several times more
) with (fillfactor = 70);              -- rows of open runs are updated in place

create index run_by_time on monitoring.run (namespace, started_at desc, run_id desc);
create index run_by_workflow on monitoring.run (namespace, workflow, started_at desc, run_id desc);
create index run_by_caller_id on monitoring.run (namespace, caller_id text_pattern_ops)
    where caller_id is not null;
create index run_open on monitoring.run (namespace, started_at desc, run_id desc)
    where closed_at is null;
create index run_ended_badly on monitoring.run (namespace, started_at desc, run_id desc)
    where status in ('failed', 'cancelled', 'terminated');

-- Runs by status, kept with every commit: counting the rows would take too long.
create table monitoring.run_count (
    namespace text   not null,
    workflow  text   not null,
    status    text   not null,
    n         bigint not null,
    primary key (namespace, workflow, status)
);

-- Where the reader of the log is, its statistics, a rebuild that is going on: one row each.
create table monitoring.state (
    key   text        not null primary key,
    value jsonb       not null,
    at    timestamptz not null default now()
);

-- The steps as rows, for people and reports. Kept as µs since the run's start, -1: not yet.
create function monitoring.instant(start timestamptz, us json) returns timestamptz
language sql immutable as $$
    select case when us::text::bigint >= 0
        then start + us::text::bigint * interval '1 microsecond' end
$$;

create view monitoring.step as
select r.run_id, r.namespace, r.workflow, s.position,
       s.step ->> 0 as step, s.step ->> 1 as status, s.step ->> 4 as task, s.step ->> 5 as queue,
       monitoring.instant(r.started_at, s.step -> 2) as began_at,
       monitoring.instant(r.started_at, s.step -> 3) as ended_at,
       json_array_length(s.step -> 7) as attempts, s.step ->> 6 as reason
from monitoring.run r, json_array_elements(r.steps) with ordinality as s (step, position);

do $$
begin
    if not exists (select from pg_roles where rolname = 'stretto_monitoring') then
        create role stretto_monitoring nologin;
    end if;
end $$;
grant usage on schema monitoring to stretto_monitoring;
grant select, insert, update, delete on monitoring.run, monitoring.run_count, monitoring.state
    to stretto_monitoring;
grant select on monitoring.step to stretto_monitoring;
