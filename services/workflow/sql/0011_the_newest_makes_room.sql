-- Of the runs that come together and make room for themselves (`cancel_running`) the newest names all that have to go.
-- Each of them naming all before it was n² names and n² cancels for n starts of one key. They are committed together,
-- so what the newest has named is in the log with them; when they are committed one by one they are asked for one by one.

-- Runs that begin: each gets a place, or waits, or is refused (`full`, nothing is kept). `others`: who has the places,
-- or, for the newest of `cancel_running`, who has to make room. Asked again, the answer is that of the first time.
create or replace function workflow.claim_places(
    p_run_ids uuid[], p_namespaces text[], p_lines text[], p_keys text[], p_places int[], p_modes text[],
    p_since timestamptz
) returns table (run_id uuid, outcome text, others uuid[])
language plpgsql as $$
declare
    i int;
    outdone boolean;
    mine workflow.claim;
    taken int;
    newest timestamptz;
begin
    -- Always in the same order, so that two who want several lines do not wait for each other.
    for i, outdone in
        select o, bool_or(is_new) over (
            partition by p_namespaces[o], p_lines[o], p_keys[o] order by o
            rows between 1 following and unbounded following)
        from (
            select s.o, p_modes[s.o] = 'cancel_running' and not exists (
                select from workflow.claim c where c.run_id = p_run_ids[s.o] and c.step = '') as is_new
            from generate_subscripts(p_run_ids, 1) s(o)) each
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
            select greatest(p_since, max(c.since) + interval '1 microsecond') into newest from (
                (select w.since from workflow.claim w
                 where w.namespace = p_namespaces[i] and w.line = p_lines[i] and w.key = p_keys[i] and w.granted is null
                 order by w.since desc limit 1)
                union all
                (select g.since from workflow.claim g
                 where g.namespace = p_namespaces[i] and g.line = p_lines[i] and g.key = p_keys[i]
                   and g.granted is not null)) c;
            insert into workflow.claim (run_id, namespace, line, key, places, since, granted)
            values (p_run_ids[i], p_namespaces[i], p_lines[i], p_keys[i], p_places[i], newest,
                    case when taken < p_places[i] then p_since end)
            returning * into mine;
        end if;
        outcome := case when mine.granted is null then 'queued' else 'admitted' end;
        if mine.granted is null and p_modes[i] = 'cancel_running' and outdone then
            null;  -- it goes itself, and who makes it go names all that are older
        elsif mine.granted is null and p_modes[i] = 'cancel_running' then
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
