-- What steps with `cache` have given, for equal steps of other runs (ADR 0022). Nothing but time is lost with it.

create table workflow.kept_output (
    namespace  text        not null,
    task       text        not null,
    key        text        not null,
    -- Who has done it: the last one to complete.
    run_id     uuid        not null,
    workflow   text        not null,
    step       text        not null,
    -- JSON, byte for byte as it came.
    output     bytea       not null,
    kept_at    timestamptz not null,
    expires_at timestamptz not null,
    primary key (namespace, task, key)
);
create index kept_output_expiry on workflow.kept_output (expires_at);

-- Who had what dropped, when and why: append-only.
create table workflow.kept_output_purge (
    request   text        primary key,   -- the same message again is the same purge
    namespace text        not null,
    at        timestamptz not null,
    by        text,
    reason    text,
    data      jsonb       not null,
    purged    int         not null
);

grant select, insert, update, delete on workflow.kept_output to stretto_workflow;
grant select, insert on workflow.kept_output_purge to stretto_workflow;
