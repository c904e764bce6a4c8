-- The log and what is kept beside it. All keys begin with run_id, so that a sharding engine can spread it.

create schema if not exists workflow;

create table workflow.event (
    run_id uuid        not null,
    seq    int         not null,
    type   text        not null,
    at     timestamptz not null,
    data   jsonb       not null,
    primary key (run_id, seq)
);
-- What was committed lately is published again after a crash; rows arrive in the order of `at`.
create index event_at on workflow.event using brin (at) with (pages_per_range = 16);

-- One row a run, written when it starts and when it ends; rebuildable from the events.
create table workflow.run (
    run_id     uuid        not null primary key,
    shard      smallint    not null,
    namespace  text        not null,
    workflow   text        not null,
    version    int         not null,
    caller_id  text,
    status     text        not null default 'running',
    started_at timestamptz not null,
    closed_at  timestamptz
);
create index run_open on workflow.run (shard) where closed_at is null;
create unique index run_open_id on workflow.run (namespace, workflow, caller_id)
    where closed_at is null and caller_id is not null;

create table workflow.definition (
    namespace   text        not null,
    workflow    text        not null,
    version     int         not null,
    hash        bytea       not null,
    source      text        not null,
    graph       jsonb       not null,
    description text,
    created_at  timestamptz not null default now(),
    primary key (namespace, workflow, version)
);

-- Up to when the events of a partition have been published: a hint that bounds what is sent again.
create table workflow.published (
    partition int         not null primary key,
    at        timestamptz not null
);

do $$
begin
    if not exists (select from pg_roles where rolname = 'stretto_workflow') then
        create role stretto_workflow nologin;
    end if;
end $$;
grant usage on schema workflow to stretto_workflow;
grant select, insert on workflow.event to stretto_workflow;
grant select, insert, update on workflow.run to stretto_workflow;
grant select, insert on workflow.definition to stretto_workflow;
grant select, insert, update on workflow.published to stretto_workflow;
