-- Runs are found by the labels that steps of theirs have had: a list of "name=value".
alter table monitoring.run add column step_labels jsonb;
create index run_by_step_labels on monitoring.run using gin (step_labels jsonb_path_ops)
    where step_labels is not null;
