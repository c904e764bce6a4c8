-- Steps that give way: a claim of mode 'cancel_running' ends the oldest of its line (ADR 0015).

drop index workflow.claim_impatient;
create index claim_impatient on workflow.claim (namespace, line, key) where granted is null and mode <> 'queue';

-- Give out the places that are free in some lines, to those who wait longest. `verdict`: `granted`; `refused` are those
-- who do not wait; `superseded` those who are to end, for the step `by_step` of the run `by_run`. `asked`: since when.
create function workflow.give_out_places(p_namespaces text[], p_lines text[], p_keys text[], p_at timestamptz)
returns table (run_id uuid, step text, verdict text, asked timestamptz, by_run uuid, by_step text)
language plpgsql as $$
declare
    i int;
    taken int;
    newest workflow.claim;
    next_one record;
begin
    for i in
        select o from generate_subscripts(p_lines, 1) o
        order by hashtextextended(format('%L %L %L', p_namespaces[o], p_lines[o], p_keys[o]), 11), o
    loop
        perform workflow.hold_line(p_namespaces[i], p_lines[i], p_keys[i]);
        -- Of those who end others the newest counts: whom the others end is older than it.
        select * into newest from workflow.claim c
        where c.namespace = p_namespaces[i] and c.line = p_lines[i] and c.key = p_keys[i]
          and c.granted is null and c.mode = 'cancel_running'
        order by c.since desc, c.run_id desc, length(c.step) desc, c.step desc limit 1;
        if not found then  -- a line may be long: only its first ones are looked at
            return query
                select g.run_id, g.step, case when g.refused then 'refused' else 'granted' end, p_at, null::uuid, ''
                from workflow.give_places(array[p_namespaces[i]], array[p_lines[i]], array[p_keys[i]], p_at) g;
            continue;
        end if;
        taken := 0;
        for next_one in
            select c.run_id as run, c.step as path, c.since, c.places, c.granted is not null as has, c.mode,
                row_number() over (order by c.since, c.run_id, length(c.step), c.step) as place,
                count(*) filter (where (c.since, c.run_id, length(c.step), c.step)
                    < (newest.since, newest.run_id, length(newest.step), newest.step)) over () as elders
            from workflow.claim c
            where c.namespace = p_namespaces[i] and c.line = p_lines[i] and c.key = p_keys[i]
            order by c.granted is null, c.since, c.run_id, length(c.step), c.step
        loop
            run_id := next_one.run;
            step := next_one.path;
            asked := next_one.since;
            by_run := null;
            by_step := '';
            taken := taken + next_one.has::int;
            if next_one.place <= next_one.elders - newest.places + 1 then
                verdict := 'superseded';
                by_run := newest.run_id;
                by_step := newest.step;
                return next;
            elsif next_one.has then
                continue;
            elsif taken < next_one.places then
                update workflow.claim c set granted = p_at where c.run_id = next_one.run and c.step = next_one.path;
                taken := taken + 1;
                verdict := 'granted';
                return next;
            elsif next_one.mode = 'reject' then
                verdict := 'refused';
                return next;
            end if;
        end loop;
    end loop;
end $$;
