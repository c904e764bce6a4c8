-- Places of steps: a claim may be of a step, and may be one that does not wait (ADR 0015).

alter table workflow.claim add column mode text not null default 'queue';   -- or 'reject', of a step
create index claim_impatient on workflow.claim (namespace, line, key) where granted is null and mode = 'reject';

-- Give out the places that are free in some lines, to those who wait longest; `refused` are those who do not wait.
create function workflow.give_places(p_namespaces text[], p_lines text[], p_keys text[], p_at timestamptz)
returns table (run_id uuid, step text, refused boolean)
language plpgsql as $$
declare
    i int;
begin
    return query
        select g.run_id, g.step, false from workflow.grant_places(p_namespaces, p_lines, p_keys, p_at) g;
    for i in select generate_subscripts(p_lines, 1) loop
        -- The line is still held: nobody else gives out what is free in it.
        return query
            select c.run_id, c.step, true from workflow.claim c
            where c.namespace = p_namespaces[i] and c.line = p_lines[i] and c.key = p_keys[i]
              and c.granted is null and c.mode = 'reject';
    end loop;
end $$;
