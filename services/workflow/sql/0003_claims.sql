-- Who has, and who waits for, a place in a line: as many runs of one key as may be under way at once (ADR 0015).
-- A row is there while its run is open; the places themselves are given out under a lock of the key.

create table workflow.claim (
    run_id    uuid        not null,
    step      text        not null default '',
    namespace text        not null,
    line      text        not null,     -- 'run <workflow>'
    key       text        not null,
    places    int         not null,
    since     timestamptz not null,
    granted   timestamptz,              -- null: it waits
    settled   boolean     not null default false,  -- the log knows of the grant
    primary key (run_id, step)
);
create index claim_line on workflow.claim (namespace, line, key, granted, since);
create index claim_unsettled on workflow.claim (granted) where granted is not null and not settled;
grant select, insert, update, delete on workflow.claim to stretto_workflow;

-- Within a transaction nobody else gives out places of this line.
create function workflow.hold_line(p_namespace text, p_line text, p_key text) returns void
language sql as $$
    select pg_advisory_xact_lock(hashtextextended(format('%L %L %L', p_namespace, p_line, p_key), 11))
$$;

-- Runs that begin: each gets a place, or waits, or is refused (`full`, nothing is kept). `others`: who has the places,
-- or, for `cancel_running`, who has to make room. Asked again, the answer is that of the first time.
create function workflow.claim_places(
    p_run_ids uuid[], p_namespaces text[], p_lines text[], p_keys text[], p_places int[], p_modes text[],
    p_since timestamptz
) returns table (run_id uuid, outcome text, others uuid[])
language plpgsql as $$
declare
    i int;
    mine workflow.claim;
    taken int;
begin
    -- Always in the same order, so that two who want several lines do not wait for each other.
    for i in
        select o from generate_subscripts(p_run_ids, 1) o
        order by hashtextextended(format('%L %L %L', p_namespaces[o], p_lines[o], p_keys[o]), 11), o
    loop
        perform workflow.hold_line(p_namespaces[i], p_lines[i], p_keys[i]);
        run_id := p_run_ids[i];
        others := '{}';
        select * into mine from workflow.claim c where c.run_id = p_run_ids[i] and c.step = '';
        if not found then
            -- Whether all places are taken is enough to know: a hundred thousand may wait.
            select count(*) into taken from (
                select 1 from workflow.claim c
                where c.namespace = p_namespaces[i] and c.line = p_lines[i] and c.key = p_keys[i]
                limit p_places[i]) c;
            if taken >= p_places[i] and p_modes[i] = 'reject' then
                outcome := 'full';
                others := workflow.ahead(p_namespaces[i], p_lines[i], p_keys[i], run_id, 10, false);
                return next;
                continue;
            end if;
            insert into workflow.claim (run_id, namespace, line, key, places, since, granted)
            values (p_run_ids[i], p_namespaces[i], p_lines[i], p_keys[i], p_places[i], p_since,
                    case when taken < p_places[i] then p_since end)
            returning * into mine;
        end if;
        outcome := case when mine.granted is null then 'queued' else 'admitted' end;
        if mine.granted is null and p_modes[i] = 'cancel_running' then
            select count(*) into taken from workflow.claim c
            where c.namespace = mine.namespace and c.line = mine.line and c.key = mine.key
              and (c.since, c.run_id) < (mine.since, mine.run_id);
            others := workflow.ahead(mine.namespace, mine.line, mine.key, run_id, taken - mine.places + 1,
                                     true);
        elsif mine.granted is null then
            others := workflow.ahead(mine.namespace, mine.line, mine.key, run_id, 10, false);
        end if;
        return next;
    end loop;
end $$;

-- The oldest in a line, but for one of them: those that have places, then those that wait (or only the first).
create function workflow.ahead(p_namespace text, p_line text, p_key text, p_not uuid, p_limit int, p_waiting boolean)
returns uuid[]
language sql stable as $$
    select coalesce(array_agg(run_id), '{}') from (
        (select c.run_id from workflow.claim c
         where c.namespace = p_namespace and c.line = p_line and c.key = p_key and c.granted is not null
           and c.run_id <> p_not
         order by c.granted, c.since, c.run_id limit greatest(p_limit, 0))
        union all
        (select c.run_id from workflow.claim c
         where p_waiting and c.namespace = p_namespace and c.line = p_line and c.key = p_key and c.granted is null
           and c.run_id <> p_not
         order by c.since, c.run_id limit greatest(p_limit, 0))
        limit greatest(p_limit, 0)) first
$$;

-- Give out the places that are free in some lines, to those who wait longest.
create function workflow.grant_places(p_namespaces text[], p_lines text[], p_keys text[], p_at timestamptz)
returns table (run_id uuid, step text)
language plpgsql as $$
declare
    i int;
    taken int;
    next_one record;
begin
    for i in
        select o from generate_subscripts(p_lines, 1) o
        order by hashtextextended(format('%L %L %L', p_namespaces[o], p_lines[o], p_keys[o]), 11), o
    loop
        perform workflow.hold_line(p_namespaces[i], p_lines[i], p_keys[i]);
        select count(*) into taken from workflow.claim c
        where c.namespace = p_namespaces[i] and c.line = p_lines[i] and c.key = p_keys[i]
          and c.granted is not null;
        for next_one in
            select c.run_id, c.step, c.places from workflow.claim c
            where c.namespace = p_namespaces[i] and c.line = p_lines[i] and c.key = p_keys[i]
              and c.granted is null
            order by c.since, c.run_id, c.step
        loop
            exit when taken >= next_one.places;
            update workflow.claim c set granted = p_at
            where c.run_id = next_one.run_id and c.step = next_one.step and c.granted is null;
            continue when not found;
            taken := taken + 1;
            run_id := next_one.run_id;
            step := next_one.step;
            return next;
        end loop;
    end loop;
end $$;
