-- Schedules: what starts runs by the clock. The truth about them is here; the bus only carries requests and starts.

create table workflow.schedule (
    namespace     text        not null,
    name          text        not null,
    shard         smallint    not null,
    revision      int         not null,
    turn          int         not null,
    spec          jsonb       not null,
    source        text        not null,
    created_at    timestamptz not null,
    changed_at    timestamptz not null,
    covered_at    timestamptz not null,
    next_at       timestamptz,
    due_at        timestamptz,
    paused_at     timestamptz,
    paused_by     text,
    paused_reason text,
    removed_at    timestamptz,
    primary key (namespace, name)
);
-- What is due next: null for what is paused, removed or spent.
create index schedule_due on workflow.schedule (due_at) where due_at is not null;

-- Every instant that a schedule came to, and what became of it.
create table workflow.schedule_firing (
    namespace  text        not null,
    name       text        not null,
    id         text        not null,
    shard      smallint    not null,
    instant    timestamptz not null,
    cause      text        not null,
    overlap    text        not null,
    status     text        not null,
    decided_at timestamptz not null,
    run_id     uuid        not null,
    workflow   text        not null,
    request    jsonb,
    sent_at    timestamptz,
    ending     text,
    told       boolean     not null default false,
    ended_at   timestamptz,
    outcome    text,
    reason     text,
    count      int         not null default 1,
    until      timestamptz,
    primary key (namespace, name, id)
);
create index schedule_firing_open on workflow.schedule_firing (shard)
    where status in ('waiting', 'starting', 'started');
create index schedule_firing_latest on workflow.schedule_firing (namespace, name, instant desc);
create index schedule_firing_old on workflow.schedule_firing using brin (decided_at);

-- Who changed a schedule, when and why: append-only.
create table workflow.schedule_change (
    namespace text        not null,
    name      text        not null,
    number    int         not null,
    at        timestamptz not null,
    command   text        not null,
    by        text,
    reason    text,
    data      jsonb       not null,
    request   text        not null,
    answer    jsonb       not null,
    primary key (namespace, name, number)
);
-- The same message again is the same change.
create unique index schedule_change_request on workflow.schedule_change (request);

grant select, insert, update on workflow.schedule to stretto_workflow;
grant select, insert, update, delete on workflow.schedule_firing to stretto_workflow;
grant select, insert on workflow.schedule_change to stretto_workflow;
