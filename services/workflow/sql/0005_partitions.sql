-- The log in partitions by when a run began, so that old runs leave as a table and not row by row.
-- A run id is a UUIDv7: a range of ids is a range of time. The primary key holds over all of them.
-- Runs whose ids lie in no partition (other UUIDs, old runs that were kept) are in `…_other`.

create function workflow.first_id(instant timestamptz) returns uuid
language sql immutable strict parallel safe
return (case when instant = '-infinity' then repeat('0', 12)
    else lpad(to_hex((extract(epoch from instant) * 1000)::bigint), 12, '0') end
    || repeat('0', 20))::uuid;

-- The partitions, beside the catalogue. `doomed_at` is set once one is being dropped: to the instant
-- before which its runs must have ended.
create table workflow.part (
    name      text        not null primary key,
    begins    timestamptz not null unique,
    ends      timestamptz not null,
    doomed_at timestamptz
);

alter table workflow.event rename to event_first;
alter index workflow.event_pkey rename to event_first_pkey;
alter index workflow.event_at rename to event_first_at;
revoke all on workflow.event_first from stretto_workflow;

create table workflow.event (
    run_id uuid        not null,
    seq    int         not null,
    type   text        not null,
    at     timestamptz not null,
    data   jsonb       not null,
    primary key (run_id, seq)
) partition by range (run_id);
create index event_at on workflow.event using brin (at) with (pages_per_range = 16);
create table workflow.event_other partition of workflow.event default;

-- Payloads too large for an event, by the SHA-256 of their bytes: what an event's reference stands for.
create table workflow.payload (
    run_id uuid  not null,
    hash   bytea not null,
    data   bytea not null,
    primary key (run_id, hash)
) partition by range (run_id);
create table workflow.payload_first (like workflow.payload including all);
create table workflow.payload_other partition of workflow.payload default;

do $$
declare
    until timestamptz := (date_trunc('day', now() at time zone 'UTC') + interval '1 day')
        at time zone 'UTC';
    bound uuid := workflow.first_id(until);
begin
    with moved as (delete from workflow.event_first where run_id >= bound returning *)
    insert into workflow.event_other select * from moved;
    execute format('alter table workflow.event attach partition workflow.event_first '
        'for values from (minvalue) to (%L)', bound);
    execute format('alter table workflow.payload attach partition workflow.payload_first '
        'for values from (minvalue) to (%L)', bound);
    insert into workflow.part values ('first', '-infinity', until);
end $$;

-- Make partitions ahead, `units` days or months of them; how many were made.
create function workflow.add_partitions(unit text, units int) returns int
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    step interval := case unit when 'day' then interval '1 day' when 'month' then interval '1 month' end;
    today timestamp := date_trunc(unit, now() at time zone 'UTC');
    begins timestamptz;
    ends timestamptz;
    name text;
    parent text;
    made int := 0;
begin
    if step is null or units not between 1 and 31 then
        raise exception 'expected 1 to 31 days or months, but got % %', units, unit
            using errcode = 'invalid_parameter_value';
    end if;
    lock table workflow.part in share row exclusive mode;
    loop
        select max(p.ends) into begins from workflow.part p;
        exit when begins >= (today + units * step) at time zone 'UTC';
        ends := (date_trunc(unit, greatest(begins at time zone 'UTC', today)) + step)
            at time zone 'UTC';
        name := to_char(begins at time zone 'UTC', 'YYYYMMDD');
        foreach parent in array array['event', 'payload'] loop
            execute format('create table workflow.%I (like workflow.%I including all)',
                parent || '_' || name, parent);
            -- What came while there was no partition for it.
            execute format('lock table workflow.%I in access exclusive mode', parent || '_other');
            execute format('with moved as (delete from workflow.%I where run_id >= %L and run_id < %L '
                'returning *) insert into workflow.%I select * from moved', parent || '_other',
                workflow.first_id(begins), workflow.first_id(ends), parent || '_' || name);
            execute format('alter table workflow.%I attach partition workflow.%I '
                'for values from (%L) to (%L)', parent, parent || '_' || name,
                workflow.first_id(begins), workflow.first_id(ends));
        end loop;
        insert into workflow.part values (name, begins, ends);
        made := made + 1;
    end loop;
    return made;
end $$;

-- Refuse what would drop runs that ended less than a day ago, whatever the service is told.
create function workflow.check_cutoff(before timestamptz) returns void
language plpgsql stable
as $$
begin
    if before is null or before > now() - interval '1 day' then
        raise exception 'expected an instant more than a day ago, but got %', before
            using errcode = 'invalid_parameter_value';
    end if;
end $$;

-- Choose a partition that is to be dropped: all its runs began before then, and all but `most_kept`
-- have ended before then. Null: none is.
create function workflow.doom_partition(before timestamptz, most_kept int) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    p record;
    kept bigint;
begin
    perform workflow.check_cutoff(before);
    for p in select * from workflow.part where doomed_at is null and ends < before order by begins loop
        select count(*) into kept from (
            select from workflow.run
            where run_id >= workflow.first_id(p.begins) and run_id < workflow.first_id(p.ends)
                and (closed_at is null or closed_at >= before)
            limit most_kept + 1) as k;
        if kept <= most_kept then
            update workflow.part set doomed_at = before where name = p.name;
            return p.name;
        end if;
    end loop;
    return null;
end $$;

-- Forget runs of doomed partitions that have ended, at most so many; how many.
create function workflow.forget_runs(most int) returns bigint
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with gone as (
        delete from workflow.run where run_id in (
            select r.run_id from workflow.part p join workflow.run r
                on r.run_id >= workflow.first_id(p.begins) and r.run_id < workflow.first_id(p.ends)
            where p.doomed_at is not null and r.closed_at < p.doomed_at limit most)
        returning 1)
    select count(*) from gone
$$;

-- Drop a doomed partition whose runs are forgotten. Those that remain go to `…_other`. Null: none is
-- left.
create function workflow.drop_partition() returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    p record;
    parent text;
begin
    select * into p from workflow.part where doomed_at is not null order by begins limit 1 for update;
    if not found then
        return null;
    end if;
    if exists (select from workflow.run r where r.closed_at < p.doomed_at
            and r.run_id >= workflow.first_id(p.begins) and r.run_id < workflow.first_id(p.ends)) then
        raise exception 'expected the runs of partition % to be forgotten, but some are not', p.name
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    foreach parent in array array['event', 'payload'] loop
        execute format('alter table workflow.%I detach partition workflow.%I', parent,
            parent || '_' || p.name);
        execute format('insert into workflow.%I select e.* from workflow.%I e '
            'join workflow.run r using (run_id)', parent, parent || '_' || p.name);
        execute format('drop table workflow.%I', parent || '_' || p.name);
    end loop;
    delete from workflow.part where name = p.name;
    return p.name;
end $$;

-- Forget runs in no partition that have ended before then, with their events; how many.
create function workflow.forget_others(before timestamptz, most int) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    gone uuid[];
begin
    perform workflow.check_cutoff(before);
    select array_agg(run_id) into gone from (
        select r.run_id from workflow.run r where r.closed_at < before
            and r.run_id in (select e.run_id from workflow.event_other e where e.seq = 1)
        limit most) as o;
    delete from workflow.event_other where run_id = any(gone);
    delete from workflow.payload_other where run_id = any(gone);
    delete from workflow.run where run_id = any(gone);
    return coalesce(cardinality(gone), 0);
end $$;

revoke execute on function workflow.add_partitions, workflow.doom_partition, workflow.forget_runs,
    workflow.drop_partition, workflow.forget_others from public;
grant execute on function workflow.add_partitions, workflow.doom_partition, workflow.forget_runs,
    workflow.drop_partition, workflow.forget_others to stretto_workflow;
grant select, insert on workflow.event, workflow.payload to stretto_workflow;
grant select on workflow.part to stretto_workflow;
