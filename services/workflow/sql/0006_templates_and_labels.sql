-- Templates are registered like definitions; labels (and `latest`, what was applied last) point to versions of both.

create table workflow.template (
    namespace   text        not null,
    template    text        not null,
    version     int         not null,
    hash        bytea       not null,
    source      text        not null,
    parameters  jsonb       not null,
    -- Which versions its own uses stood for: {"notify@stable": 3}.
    pins        jsonb       not null,
    description text,
    created_at  timestamptz not null default now(),
    primary key (namespace, template, version)
);

-- A label that was taken away stays as a row without a version: a late copy of the message that set it changes nothing.
create table workflow.label (
    namespace text        not null,
    kind      text        not null check (kind in ('workflow', 'template')),
    name      text        not null,
    label     text        not null,
    version   int,
    at        timestamptz not null,
    primary key (namespace, kind, name, label)
);

-- What was registered with its templates written out, as JSON in the order of its keys (null: it uses none), and which
-- these were.
alter table workflow.definition add column expanded text, add column uses jsonb not null default '[]';

grant select, insert on workflow.template to stretto_workflow;
grant select, insert, update on workflow.label to stretto_workflow;
